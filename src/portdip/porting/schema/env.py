"""What Alembic runs to do a migration: in the connection, and the transaction, of the caller."""

from alembic import context

from portdip.porting.tables import METADATA

if __name__ == "env_py":  # the name that Alembic loads it by
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
    )
    context.run_migrations()
