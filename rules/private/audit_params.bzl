"""What the test and the aspect tell the auditor."""

MODELS = ["fixed-slot", "pthread-key", "thread-local"]

def _short_path(file):
    return file.short_path

def add_targets(args, targets, short_paths):
    """Adds the files of targets: their outputs and what lies in their runfiles.

    Args:
        args: an Args with one argument a line.
        targets: targets.
        short_paths: whether the files are found by their paths in runfiles.

    Returns:
        A depset of the files.
    """
    all = []
    for target in targets:
        info = target[DefaultInfo]
        files = depset(transitive = [info.files, info.default_runfiles.files] if info.default_runfiles else [info.files])
        add_files(args, target.label, files, short_paths)
        all.append(files)
    return depset(transitive = all)

def add_files(args, label, files, short_paths):
    """Adds files of a target.

    Args:
        args: an Args with one argument a line.
        label: the target's label.
        files: depset or list of files.
        short_paths: whether the files are found by their paths in runfiles.
    """
    args.add(str(label), format = "-target=%s")
    args.add_all(
        files,
        expand_directories = False,
        map_each = _short_path if short_paths else None,
        uniquify = True,
    )
