"""Every error portdip raises for the world: what was expected, what came, where, and what to do.

An error names its parts separately so that a program can read them and a person gets one sentence with a
remedy. Broken assumptions of our own are asserts, not these.
"""

from __future__ import annotations


class PortdipError(Exception):
    """Base of all errors here.

    `what` is the short statement; `expected`, `got`, `where` (file, row, offset, block) and `fix` complete it
    and may be empty.
    """

    def __init__(self, what: str, *, expected: str = "", got: str = "", where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.got = got
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"at {self.where}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        sentence = "; ".join(parts)
        return f"{sentence}. {self.fix}" if self.fix else sentence


class InvalidNumberError(PortdipError, ValueError):
    """A text or integer is not an E.164 number: 1 to 15 digits, the first of them 1 to 9."""


class InvalidRangeError(PortdipError, ValueError):
    """A range is not a closed interval of numbers of one length, or two ranges contradict each other."""


class OutOfOrderError(PortdipError, ValueError):
    """Numbers for an index are not strictly increasing."""


class UnknownRouteError(PortdipError, ValueError):
    """A route code has no route, or there are more routes than codes."""


class UnknownCarrierError(PortdipError, LookupError):
    """The table has no such carrier or routing number."""


class ImageError(PortdipError):
    """An index image cannot be used."""


class ImageVersionError(ImageError):
    """An index image is of another format version or byte order."""


class DamagedImageError(ImageError):
    """An index image is truncated, or bytes of it fail their checksum."""


class StoreError(PortdipError):
    """A store cannot be made, opened or changed."""


class StoreLockedError(StoreError):
    """Another process is writing the store."""


class RoutesFullError(StoreError):
    """An import brings more routes or carriers than a store has codes for."""


class DamagedSnapshotError(StoreError):
    """A file of a snapshot is missing or does not match its manifest."""


class UntrustedSnapshotError(StoreError):
    """A snapshot is not signed by a key that may sign the dataset, or contradicts the chain beside it."""


class SnapshotAwaitedError(StoreError):
    """A delta announces an imported table, and its snapshot is not here yet: the delta is good and has to wait.

    `sequence` is that of both, `digest` the snapshot's, `chain` the delta's.
    """

    def __init__(self, sequence: int, digest: str, chain: str, *, where: str = "", got: str = "") -> None:
        super().__init__(f"waits for the snapshot of sequence {sequence}", where=where, got=got)
        self.sequence = sequence
        self.digest = digest
        self.chain = chain


class BackupError(PortdipError):
    """A backup cannot be made, or nothing can be restored from it."""


class DamagedBackupError(BackupError):
    """A file of a backup is missing, or is not as it was written."""


class BackupKeyError(BackupError):
    """The key of a backup is missing, cannot be read, or is another one."""


class DigestFileError(PortdipError):
    """A file of digests cannot be used: it is damaged, or of another kind or version."""


class FeedError(PortdipError):
    """A feed's input cannot be read as numbers and routes."""


class BadRowError(FeedError):
    """One row of a feed is malformed; `where` names file and row."""


class MissingColumnError(FeedError):
    """A feed's file lacks a column that its map or the defaults name."""


class MissingPackageError(PortdipError):
    """An optional package is needed; `fix` names the extra to install."""


class AnnotateError(PortdipError):
    """A file cannot be annotated: its format, its columns, or what is in them."""


class RebuildError(PortdipError):
    """A routing table of another system cannot be made as asked."""


class TargetLimitError(RebuildError):
    """A table does not fit the system it is for: too many rules, digits too long, a carrier it cannot name."""


class WrongTableError(RebuildError):
    """A table that was made answers otherwise than the engine; it was not published."""


class FrontEndError(PortdipError):
    """A front end (Polars, DuckDB, pandas) has no store to ask."""


class ChangeError(PortdipError):
    """A change cannot be published: an operation, number, route or time in it is wrong; `where` names the row."""


class DeltaError(PortdipError):
    """A delta cannot be taken."""


class TornDeltaError(DeltaError):
    """A delta ends before its seal: it is still being written, or was cut."""


class DamagedDeltaError(DeltaError):
    """Bytes of a delta are not those that were sealed; `where` names the offset."""


class MalformedDeltaError(DeltaError):
    """A delta is as it was sealed, but whoever wrote it did wrong; `where` names the row if it is one."""


class DeltaVersionError(DeltaError):
    """A newer portdip wrote the delta."""


class ForeignDeltaError(DeltaError):
    """A delta does not continue this chain: another dataset, sequence, or previous digest."""


class UntrustedDeltaError(DeltaError):
    """A delta is not signed by a key that may sign the dataset."""


class KeyFileError(PortdipError):
    """A key file cannot be read, or a key is not known here."""


class LocationError(PortdipError):
    """A place outside the store cannot be opened, or something in it cannot be read."""


class SettingsError(PortdipError):
    """A setting is unknown or has a value that does not fit."""


class ServiceError(PortdipError):
    """A query process cannot begin or go on, or does not answer as one."""


class CapacityError(PortdipError):
    """A capacity plan or a measurement cannot be had: an input cannot be meant, or the machine has no room."""


class BenchResultError(CapacityError):
    """A bench result cannot be used: it is damaged, of another version, or lacks what is asked of it."""


class PortingError(PortdipError):
    """The porting layer cannot do what was asked."""


class DatabaseError(PortingError):
    """The porting database cannot be opened, reached or written."""


class ProfileError(PortingError):
    """A porting profile cannot be read, or says something that does not fit together."""


class UnknownOrderError(PortingError, LookupError):
    """There is no such order, or none that the asking party may see."""


class MoveRefusedError(PortingError):
    """The state of an order, or its profile, does not allow the act."""


class ConsentMissingError(MoveRefusedError):
    """The profile wants the subscriber's confirmation of the risks before an order is submitted, and there is none."""


class ForbiddenActError(PortingError):
    """The actor's role or carrier may not do this with this order."""


class StaleOrderError(PortingError):
    """An order was changed by somebody else since it was read."""


class PortOngoingError(PortingError):
    """The number has an open order already."""


class IneligibleError(PortingError):
    """The review found reasons against the port; `reasons` holds the code of each."""

    def __init__(self, what: str, reasons: tuple[str, ...], *, where: str = "", fix: str = "") -> None:
        super().__init__(what, got=", ".join(reasons), where=where, fix=fix)
        self.reasons = reasons


class CannotTellError(PortingError):
    """A donor's own system gave no answer that can be used: neither a yes nor a refusal."""


class AuthorizationCodeError(PortingError):
    """An authorization code is wrong, expired, used up or of another number or person."""


class QuotaError(PortingError):
    """A slot, a day or a carrier has no room for another port."""


class PersonalDataError(PortingError):
    """A key for personal data is missing, or sealed data cannot be opened."""


class AuditError(PortingError):
    """The audit chain is broken, or is not the one that was signed."""


class PublicationError(PortingError):
    """The delta chain is not the one that the database has published to."""


class NodeError(PortingError):
    """A node is not registered, or is another carrier's."""


class ResourceError(PortingError):
    """A range cannot be assigned, split, pooled or withdrawn as asked."""


class ReversalError(PortingError):
    """A port cannot be reversed, or not yet, or not by this person."""


class MigrationError(PortingError):
    """A data migration cannot be begun, go on or be undone."""


class UnknownMigrationError(MigrationError, LookupError):
    """There is no migration of this name."""


class MigrationPlanError(MigrationError):
    """The plan of a migration cannot be read, or says something that cannot be meant; `where` names the key."""


class SupervisionError(PortingError):
    """A complaint, a violation or a case cannot be what was asked."""


class UnknownRecordError(SupervisionError, LookupError):
    """There is no such complaint, violation, case or piece of evidence, or none that may be seen."""


class StaleRecordError(SupervisionError):
    """A complaint or a case is not as it was seen: somebody else has changed it."""


class ApiKeyError(PortingError):
    """A key for the porting API is not known, or its role and carrier do not fit."""


class WebhookError(PortingError):
    """A webhook cannot be set up, or is not there."""
