# SPDX-License-Identifier: MIT
"""A copy of the project as a user would get it, for tests that build outside the source tree."""

import shutil
import subprocess


def copy_files(source, folder):
    """Copies the files that git tracks or would add, in their current state: changes are tested before the commit.
    Without a git repository (an archive), copies all files except build folders."""
    if not (source / ".git").exists():
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("build", "runs"), dirs_exist_ok=True)
        return
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=source,
                            capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
