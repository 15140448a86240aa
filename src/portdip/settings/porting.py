"""The settings of the porting layer: its database, its keys for personal data, how it reaches others.

In TOML all of it is the table `porting`; in the environment, for example, PORTDIP_PORTING__DATABASE_URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Privacy(_Section):
    """The keys that personal data is hashed and sealed with. Without any, the store makes a key file of its own."""

    current: str = Field(default="", description="Id of the key that new data is sealed with; '' without keys.")
    keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="Keys by id, each 64 hex digits; old ones stay for what they sealed."
    )

    @model_validator(mode="after")
    def _keys_fit(self) -> Privacy:
        for name, key in self.keys.items():
            try:
                raw = bytes.fromhex(key.get_secret_value())
            except ValueError:
                raw = b""
            if len(raw) != 32:
                raise ValueError(f"key {name} is not 64 hex digits")
        if self.current not in self.keys and (self.current or self.keys):
            raise ValueError("`current` must be the id of one of the keys")
        return self


class Sms(_Section):
    """How answers to subscribers' texts go out."""

    sender: Literal["none", "file", "webhook"] = "none"
    directory: Path | None = Field(default=None, description="Gets a JSON file for each text; for `file`.")
    url: str = Field(default="", description="Gets one POST a text; for `webhook`.")
    secret: SecretStr = Field(default=SecretStr(""), description="Signs what is posted (HMAC-SHA256); '' for none.")
    timeout_seconds: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _sender_is_complete(self) -> Sms:
        if self.sender == "file" and self.directory is None:
            raise ValueError("the sender `file` wants a `directory`")
        if self.sender == "webhook" and not self.url:
            raise ValueError("the sender `webhook` wants a `url`")
        return self


class DonorSystem(_Section):
    """A carrier's own system that knows its subscribers."""

    url: str = Field(description="Asked as GET URL/NUMBER; answers the subscriber as JSON, or 404.")
    token: SecretStr = Field(default=SecretStr(""), description="Sent as bearer token; '' for none.")
    timeout_seconds: float = Field(default=3.0, gt=0, description="For one attempt as a whole.")
    attempts: int = Field(default=3, ge=1, le=10)


class Porting(_Section):
    """The porting layer."""

    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the database (it may hold a password). None: SQLite in the store."
    )
    profile: str = Field(default="cn", description="Profile of new orders: a name of ours, or the path of a TOML file.")
    privacy: Privacy = Privacy()
    sms: Sms = Sms()
    donor_systems: dict[str, DonorSystem] = Field(
        default_factory=dict, description="By carrier id; every other carrier's subscribers are in our table."
    )
    node_limit_seconds: float = Field(
        default=900.0, gt=0, description="For nodes to report a cut-over, before the order is a partial failure."
    )
    webhook_timeout_seconds: float = Field(default=5.0, gt=0)
    webhook_attempts: int = Field(default=8, ge=1, description="Before an event is given up for a webhook.")
