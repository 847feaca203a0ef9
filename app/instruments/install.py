"""Giving a tenant its copies of what ships; the content hash says they are the same everywhere."""

from app.db.transaction import Tx
from app.instruments.models import Driver, Instrument, InstrumentVersion, ScoringProfile
from app.instruments.shipped import shipped_drivers, shipped_instruments, shipped_profiles


async def install_shipped(tx: Tx) -> None:
    """Copy the shipped drivers, instruments and profiles into the transaction's tenant."""
    for driver in shipped_drivers().document["drivers"]:
        tx.session.add(Driver(tenant_id=tx.tenant_id, key=driver["key"], document=driver))
    for shipped in shipped_instruments():
        document = shipped.document
        tx.session.add(
            Instrument(
                tenant_id=tx.tenant_id, key=document["key"], driver_key=document["driver"], title=document["title"]
            )
        )
        tx.session.add(
            InstrumentVersion(
                tenant_id=tx.tenant_id,
                instrument_key=document["key"],
                version=document["version"],
                content_hash=shipped.content_hash,
                document=document,
            )
        )
    for shipped in shipped_profiles():
        document = shipped.document
        tx.session.add(
            ScoringProfile(
                tenant_id=tx.tenant_id,
                key=document["key"],
                version=document["version"],
                content_hash=shipped.content_hash,
                document=document,
            )
        )
    await tx.session.flush()
