"""A ConfigMap as the kubelet mounts it: files that are links through one folder's link, which is swapped whole.

Source: Kubernetes' AtomicWriter, documented with its volume plugins: `name -> ..data/name`, `..data -> ..<time>`; a
change writes a new folder, renames a new link over `..data`, and deletes the old folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


class MountedConfigMap:
    """folder: where it is mounted. It holds the files of `data` from the start, and a change may not add any."""

    def __init__(self, folder: Path, data: Mapping[str, str]) -> None:
        self.folder = folder
        self._names = sorted(data)
        self._count = 0
        self.change(data)
        for name in self._names:
            (folder / name).symlink_to(Path("..data") / name)

    def change(self, data: Mapping[str, str]) -> None:
        """All files at once."""
        assert sorted(data) == self._names
        data_link, new_link = self.folder / "..data", self.folder / "..data_tmp"
        old = data_link.resolve() if data_link.is_symlink() else None
        self._count += 1
        new = self.folder / f"..2026_11_27_{self._count}"
        new.mkdir(parents=True)
        for name, text in data.items():
            (new / name).write_text(text, encoding="utf-8")
        new_link.symlink_to(new.name)
        new_link.replace(data_link)
        if old is not None:
            shutil.rmtree(old)
