use std::{env, path::PathBuf, process::Command};

fn main() {
    let tree = PathBuf::from("third_party/mimalloc");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    println!("cargo:rerun-if-changed={}", tree.display());

    // The patch, in three lines: the tree stays as it is, and a header that mimalloc-tls does not know ends the build.
    let include = out.join("include");
    let patch = Command::new("mimalloc-tls").args(["patch", "--out"]).arg(&include).arg(tree.join("include")).status();
    assert!(patch.expect("mimalloc-tls is not on PATH").success(), "mimalloc-tls patch failed, see above");

    // The patched headers are the only ones on the path: with the original there too, it could win silently.
    cc::Build::new()
        .file(tree.join("src/static.c"))
        .include(&include)
        .define("MI_STATIC_LIB", None)
        .compile("mimalloc");
}
