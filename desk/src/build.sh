#!/bin/sh
# `make bundle`: builds desk/static again, from exactly the packages of package-lock.json. Commit what it changes.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund --silent
node build.mjs
git diff --stat -- ../static
