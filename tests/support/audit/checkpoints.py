"""Every checkpoint of a log recomputed from its leaves: what must hold whatever was killed or refused."""

from services.audit.domain.checkpoint import Checkpoint, LogSigner
from services.audit.domain.frontier import Frontier
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.signed_note import SignedNote
from services.mesh.postgres.database import Database, driver
from tests.support.audit.log_keys import SIGNER

_LEAVES = "SELECT leaf_index, leaf FROM leaves ORDER BY leaf_index"
_CHECKPOINTS = "SELECT tree_size, root, note FROM checkpoints ORDER BY tree_size"


def recomputed(database: Database, signer: LogSigner = SIGNER) -> int:
    """Require that leaves are gapless and covered, and that each checkpoint is theirs; return how many there are."""
    with database.reading() as connection:
        leaves = driver(connection).execute(_LEAVES).fetchall()
        checkpoints = driver(connection).execute(_CHECKPOINTS).fetchall()
    assert [place for place, _ in leaves] == list(range(len(leaves)))
    frontier = Frontier()
    for tree_size, root, note in checkpoints:
        frontier.append(leaf_hash(data) for _, data in leaves[frontier.size : tree_size])
        assert (frontier.size, frontier.root()) == (tree_size, bytes(root))
        signed = SignedNote.parse(note)
        assert signed.signers(signer.verifiers)
        assert Checkpoint.parse(signed.text) == Checkpoint(signer.origin, tree_size, bytes(root))
    assert frontier.size == len(leaves)
    return len(checkpoints)
