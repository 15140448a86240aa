"""The settings: one model, from a TOML file and the environment, explained by its own descriptions.

The file is that named by PORTDIP_SETTINGS, or portdip.toml in the working directory, or none. A variable such as
PORTDIP_RETENTION_DAYS goes before what the file says.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from portdip.errors import SettingsError
from portdip.settings.access import Access
from portdip.settings.porting import Porting

_FILE = "PORTDIP_SETTINGS"


class Settings(BaseSettings):
    """All settings, with what holds where nothing is said."""

    model_config = SettingsConfigDict(env_prefix="PORTDIP_", env_nested_delimiter="__", extra="forbid", frozen=True)

    retention_days: int = Field(
        default=548, ge=1, description="Days for which history and deltas are kept by `portdip prune`."
    )
    fold_share: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Share of the snapshot's numbers that may change before a new snapshot is made.",
    )
    fold_changes_min: int = Field(
        default=100_000,
        ge=1,
        description="Changed numbers below which no new snapshot is made, however small the old one.",
    )
    access: Access = Field(default=Access(), description="The query process: see portdip.settings.access.")
    porting: Porting = Field(default=Porting(), description="The porting layer: see portdip.settings.porting.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file."""
        return env_settings, TomlConfigSettingsSource(settings_cls, os.environ.get(_FILE, "portdip.toml"))


def load() -> Settings:
    """The settings of this process as they are now. Raises SettingsError naming the key that is wrong."""
    named = os.environ.get(_FILE)
    if named and not Path(named).is_file():
        raise SettingsError("no such file", where=named, fix=f"Correct {_FILE}.")
    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("the settings are no TOML", where=named or "portdip.toml", got=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            "a setting is wrong",
            where=key,
            got=str(first["input"]),
            expected=first["msg"],
            fix=f"Known are {', '.join(Settings.model_fields)}.",
        ) from error
