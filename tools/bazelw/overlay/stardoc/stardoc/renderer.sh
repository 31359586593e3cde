#!/bin/sh
# stardoc's renderer without Bazel's Java rules, whose tools are no package of a registry.
exec java -jar "$0.runfiles"/*/stardoc/renderer_prebuilt.jar "$@"
