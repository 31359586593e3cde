module github.com/rules-mimalloc/rules_mimalloc

go 1.24

require (
	github.com/bazelbuild/buildtools v0.0.0-20240918101019-be1c24cc9a44
	github.com/google/go-cmp v0.7.0
	github.com/klauspost/compress v1.18.2
	github.com/natefinch/atomic v1.0.1
	github.com/rogpeppe/go-internal v1.14.1
	github.com/therootcompany/xz v1.0.1
	golang.org/x/arch v0.20.0
)

require (
	golang.org/x/sys v0.26.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)
