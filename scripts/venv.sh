# Sourced by the other scripts: makes the virtual environment .venv beside this folder, from the lock file.
# Usage: wants=run|dev; . scripts/venv.sh     Sets $root and $python. (In Debian's sh, "." takes no arguments.)

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python

_find_python() {
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$candidate"
            return
        fi
    done
    echo "conductor-diag needs Python 3.11 or newer; on Debian: apt-get install python3 python3-venv" >&2
    return 1
}

_make_venv() {
    base=$(_find_python) || return 1
    if ! "$base" -c 'import ensurepip' 2>/dev/null; then
        # Debian keeps this part of Python in a package of its own.
        if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
            { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >&2
        else
            echo "this Python has no venv module; as root: apt-get install python3-venv" >&2
            return 1
        fi
    fi
    "$base" -m venv "$root/.venv"
}

# Installs one lock file unless it is what was installed last; $1 is run or dev (which holds run).
_install() {
    lock=$root/scripts/requirements/$1.txt
    stamp=$root/.venv/installed-$1
    if [ "$1" = run ] && cmp -s "$root/scripts/requirements/dev.txt" "$root/.venv/installed-dev"; then
        return
    fi
    if ! cmp -s "$lock" "$stamp"; then
        echo "installing the pinned libraries ($1) into .venv ..." >&2
        "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2
        cp "$lock" "$stamp"
    fi
}

[ -x "$python" ] || _make_venv || exit 1
_install "${wants:?}" || exit 1
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
