"""What the tests of plugins have in common: a directory that a daemon takes plugins from."""

import os
import shutil


def install(directory, *names):
    """Copies plugins of the build to a directory that is root's alone; gives its path."""
    os.makedirs(directory, mode=0o755, exist_ok=True)
    for name in names:
        target = os.path.join(directory, name + ".so")
        shutil.copyfile(os.path.join(os.environ["BUNRAKU_PLUGINS"], name + ".so"), target)
        os.chmod(target, 0o755)
    return directory


def write_whole(path, text, mode=0o600):
    """As everybody should who writes what others read: whole or not at all."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".part", mode)
    os.rename(path + ".part", path)
