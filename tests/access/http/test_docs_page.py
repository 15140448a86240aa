"""The page for people needs nothing from elsewhere, and its policy lets it run as it is."""

import base64
import hashlib
import re
import shutil
import subprocess

import pytest

from portdip.access.http.docs_page import HEADERS, PAGE


def test_the_page_names_no_other_place():
    assert not re.search(r"(src|href)=|@import|url\(|https?://", PAGE.replace('href="/openapi.json"', ""))
    assert "innerHTML" not in PAGE


def test_its_policy_allows_just_what_is_in_it():
    policy = HEADERS["content-security-policy"]
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to read the script with")
def test_its_script_can_be_read(tmp_path):
    (script,) = re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL)
    (tmp_path / "page.js").write_text(script)
    subprocess.run(["node", "--check", tmp_path / "page.js"], check=True, timeout=60)
