"""Writes a directory as the tar that `git archive` makes of a commit, byte for byte.

    git_archive.py --prefix mimalloc-3.3.2/ --commit 30b2d9... --mtime 1777501385 DIRECTORY >TAR

Compressed by `gzip -cn`, such a tar is what GitHub serves as archive/refs/tags/TAG.tar.gz, so the
sum of that download can be met where only another carrier of the same tree can be reached.

DIRECTORY must hold the files that the archive holds. From it come names, contents, the owner's
executable bit and symbolic links; everything else in the tar is the same for all files: git
normalises modes to 0664 or 0775 (its default umask 002), owner and group to root, times to the
commit's. What .gitattributes leaves out of an archive (export-ignore) or fills in
(export-subst) is in DIRECTORY as it is in the archive, if DIRECTORY came from one, or not at all:
the caller checks the sum. Not supported, because no tree here needs it: submodules, path names that
ustar can't hold (they take a pax header), files of 8 GiB or more.
"""

import argparse
import os
import stat
import sys

BLOCK = 512
RECORD = 20 * BLOCK


def header(name, mode, size, mtime, kind, link=b""):
    """One ustar header, with git's field widths: most numbers end in NUL, git writes no device."""
    prefix = b""
    if len(name) > 100:
        cut = name.rfind(b"/", 0, 156)
        prefix, name = name[:cut], name[cut + 1 :]
        if cut <= 0 or len(name) > 100:
            raise ValueError("path too long for ustar: %r" % (prefix + b"/" + name))
    if len(link) > 100:
        raise ValueError("link target too long for ustar: %r" % link)
    block = bytearray(BLOCK)
    fields = [
        (0, name),
        (100, b"%07o" % mode),
        (108, b"%07o" % 0),
        (116, b"%07o" % 0),
        (124, b"%011o" % size),
        (136, b"%011o" % mtime),
        (148, b" " * 8),  # stands for the checksum while it is made
        (156, kind),
        (157, link),
        (257, b"ustar\0" b"00"),
        (265, b"root"),
        (297, b"root"),
        (329, b"%07o" % 0),
        (337, b"%07o" % 0),
        (345, prefix),
    ]
    for offset, data in fields:
        block[offset : offset + len(data)] = data
    block[148:156] = b"%07o\0" % sum(block)
    return bytes(block)


def padded(data, unit=BLOCK):
    return data + b"\0" * (-len(data) % unit)


def entries(directory, name, mtime):
    """The tar of directory under name (which ends in a slash), in git's order."""
    yield header(name, 0o775, 0, mtime, b"5")
    children = []
    for child in os.scandir(directory):
        is_tree = child.is_dir(follow_symlinks=False)
        # git sorts a directory as if its name ended in a slash
        children.append((child.name + b"/" if is_tree else child.name, child))
    for child_name, child in sorted(children, key=lambda pair: pair[0]):
        full = name + child_name
        if child.is_symlink():
            yield header(full, 0o777, 0, mtime, b"2", os.readlink(child.path))
        elif child.is_dir():
            yield from entries(child.path, full, mtime)
        else:
            with open(child.path, "rb") as file:
                data = file.read()
                executable = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
            yield header(full, 0o775 if executable else 0o664, len(data), mtime, b"0")
            yield padded(data)


def archive(directory, prefix, commit, mtime):
    """The blocks of the tar, before padding to whole records."""
    comment = b"52 comment=%s\n" % commit.encode()  # 52: the length of this line
    yield header(b"pax_global_header", 0o666, len(comment), mtime, b"g")
    yield padded(comment)
    yield from entries(os.fsencode(directory), os.fsencode(prefix), mtime)
    yield b"\0" * (2 * BLOCK)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", required=True, help="the archive's top directory, with a slash at its end")
    parser.add_argument("--commit", required=True, help="the commit's full SHA-1")
    parser.add_argument("--mtime", required=True, type=int, help="the commit's time, in seconds since 1970")
    parser.add_argument("directory")
    args = parser.parse_args()
    if len(args.commit) != 40 or not args.prefix.endswith("/"):
        parser.error("--commit needs 40 digits, --prefix a slash at its end")
    tar = b"".join(archive(args.directory, args.prefix, args.commit, args.mtime))
    sys.stdout.buffer.write(padded(tar, RECORD))


if __name__ == "__main__":
    main()
