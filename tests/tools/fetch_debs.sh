#!/bin/sh
# fetch_debs.sh FOLDER COMMAND...: commands that are not on PATH, from this machine's Debian packages, without root.
# They land in FOLDER/root/usr/bin, or sbin. Of their dependencies only those named here come along, into
# FOLDER/root/usr/lib: what else they need is on every Debian.
set -eu
folder=$1
shift

packages=
for command in "$@"; do
    if command -v "$command" >/dev/null 2>&1 || [ -x "$folder/root/usr/bin/$command" ] ||
        [ -x "$folder/root/usr/sbin/$command" ]; then
        continue
    fi
    case $command in
        prometheus | promtool) wanted=prometheus ;;
        prometheus-alertmanager | amtool) wanted=prometheus-alertmanager ;;
        nginx) wanted="nginx libpcre2-8-0" ;;
        buildah) wanted="buildah golang-github-containers-common libdevmapper1.02.1 libgpgme11 libassuan0" ;;
        mmdebstrap) wanted=mmdebstrap ;;
        haproxy) wanted="haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0" ;;
        *)
            echo "fetch_debs.sh: no package is known for $command" >&2
            exit 1
            ;;
    esac
    for package in $wanted; do
        case " $packages " in
            *" $package "*) ;;
            *) packages="$packages $package" ;;
        esac
    done
done
mkdir -p "$folder"
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "fetch_debs.sh: not on PATH, and this is no Debian to fetch from:$packages" >&2
    exit 1
fi
folder=$(cd "$folder" && pwd)
state=$folder/.apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$folder/debs"
# Lists and cache of our own: the system's belong to root.
apt() {
    apt-get -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User= -o Acquire::Retries=3 -qq "$@"
}
apt update
(
    cd "$folder/debs"
    # shellcheck disable=SC2086  a list of words
    apt download $packages
    for deb in *.deb; do
        dpkg -x "$deb" "$folder/root"
    done
)
rm -rf "$state" "$folder/debs"
