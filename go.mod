module github.com/rules-mimalloc/rules_mimalloc

go 1.24

require (
	github.com/aymanbagabas/go-udiff v0.4.1
	github.com/natefinch/atomic v1.0.1
)
