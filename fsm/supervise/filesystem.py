"""Whether a file system can hold a data folder: it must be local, and its locks must work."""

from __future__ import annotations

import errno
import os
import secrets

from fsm.errors import FolderUnusable
from fsm.supervise.kernel import file_system_magic
from fsm.supervise.locks import lock_open_file

# f_type of statfs(2), from linux/magic.h and the file systems' own sources
_NETWORK = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB2",
    0x5346414F: "AFS",
    0x6B414653: "AFS",
    0x73757245: "Coda",
    0x00C36400: "Ceph",
    0x01021997: "9P",
    0x0BD00BD0: "Lustre",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
    0x47504653: "GPFS",
    0x19830326: "BeeGFS",
}
_FUSE = 0x65735546
_NETWORK_FUSE = (
    "sshfs",
    "glusterfs",
    "s3fs",
    "rclone",
    "gcsfuse",
    "davfs",
    "cephfs",
    "curlftpfs",
    "moosefs",
    "juicefs",
)
_ELSEWHERE = "use a folder on a local disk"


def check_not_network(path: str) -> None:
    """Raises `FolderUnusable` where the folder lies on a file system that other machines may share."""
    magic = file_system_magic(path)
    kind = _NETWORK.get(magic)
    if kind is None and magic == _FUSE:
        name = _fuse_name(path)
        kind = name if any(word in name for word in _NETWORK_FUSE) else None
    if kind:
        raise FolderUnusable(
            path, f"it lies on a network file system ({kind}), whose locks can't be relied upon", _ELSEWHERE
        )


def _fuse_name(path: str) -> str:
    """The type of the mount that holds `path`, such as ``fuse.sshfs``; empty if it can't be told."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                left, _, right = line.partition(" - ")
                if left.split()[2] == wanted:
                    return right.split()[0]
    except OSError:
        pass
    return ""


def check_locks(path: str) -> None:
    """Raises `FolderUnusable` where nothing can be written in the folder, or a lock does not keep others out."""
    probe = os.path.join(path, f".probe.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        first = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderUnusable(path, f"nothing can be written there: {error.strerror}") from error
    try:
        second = os.open(probe, os.O_RDWR | os.O_CLOEXEC)
        try:
            works = lock_open_file(first) and not lock_open_file(second)
        finally:
            os.close(second)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise FolderUnusable(path, error.strerror or str(error)) from error
        works = False
    finally:
        os.close(first)
        os.unlink(probe)
    if not works:
        raise FolderUnusable(path, "locks (flock) don't work on its file system", _ELSEWHERE)
