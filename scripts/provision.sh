#!/usr/bin/env bash
# Make a Debian or Ubuntu machine ready for tcpexp: packages, a virtual environment, the tcpexp command, the guest's
# kernel and image.
#
#   scripts/provision.sh [--dev] [--kernels all] [--without-guest]
#
# --dev            also what the tests need, in the versions of requirements-dev.txt, with all kernels
# --kernels all    build all kernels that come with tcpexp, not only the one that runs use
# --without-guest  neither QEMU nor the guest's kernel and image: experiments run on this machine's own kernel (as root)
#
# On a bare Debian 12 this takes 600 MB for packages (1.6 GB with --dev), 0.5 GB for .venv (0.9 GB with --dev), and
# 0.7 GB in ~/.cache/tcpexp (0.2 GB more once --on qemu was used); 2.5 GB more while a kernel is built.
#
# Safe to run again: what is there is left alone, and the second run takes about a second. It installs packages with
# apt-get (through sudo when you are not root), writes .venv/ in the checkout, kernel and image in ~/.cache/tcpexp/,
# the link tcpexp in /usr/local/bin (or ~/.local/bin). Exit status 3: this machine lacks something; the message says
# what.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
dev=no
guest=yes
kernels=()  # none named: the one that runs use
while [[ $# -gt 0 ]]; do
  case $1 in
    --dev) dev=yes kernels=(all) ;;
    --kernels)
      if [[ ${2:-} != all ]]; then echo "provision.sh: --kernels takes the word all" >&2; exit 2; fi
      kernels=(all)
      shift
      ;;
    --without-guest) guest=no ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "provision.sh: unknown option $1 (try --help)" >&2; exit 2 ;;
  esac
  shift
done

# mnexec and the host's tools; python3-venv and a compiler; what the analysis reads captures with, what makes PDF.
packages=(
  python3 python3-venv gcc libc6-dev
  mininet iproute2 iptables nftables ethtool kmod procps iputils-ping
  tcpdump tshark iperf3 curl wget nmap
  libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core
)
# The guest: QEMU, and what builds its image. util-linux and uidmap let a user without root build it.
if [[ $guest == yes ]]; then
  packages+=(qemu-system-x86 mmdebstrap erofs-utils uidmap debian-archive-keyring)
  packages+=(make binutils bc flex bison patch xz-utils)  # what compiles the guest's kernel, with gcc and libc6-dev
fi
# Used by the tests where the distribution has them.
optional=()
if [[ $dev == yes ]]; then
  packages+=(shellcheck poppler-utils)
  optional+=(vagrant tcptrace clang llvm libbpf-dev)  # the last three: scripts/build-bpf
  # The tests open reports in it. Ubuntu has it as a snap only, and there those tests say that it is missing.
  optional+=(chromium)
fi

say() { echo "provision: $*" >&2; }

die() {
  say "$1"
  if [[ -n ${2:-} ]]; then say "hint: $2"; fi
  exit 3
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: $*" "run as root: $root/scripts/provision.sh"
  fi
}

# Print the packages among the arguments that are not installed; one call of dpkg-query for all.
absent() {
  local installed
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null \
    | sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

apt_install() {
  local missing wanted=()
  mapfile -t missing < <(absent "${packages[@]}")
  if [[ ${#missing[@]} -eq 0 && ${#optional[@]} -eq 0 ]]; then return; fi
  if [[ ${#missing[@]} -gt 0 ]]; then
    say "installing packages: ${missing[*]}"
    as_root apt-get update -q || die "apt-get update failed" "look at the messages above; is the network up?"
  fi
  if [[ ${#optional[@]} -gt 0 ]]; then
    local name
    for name in $(absent "${optional[@]}"); do
      if apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        say "installing package: $name (for the tests)"
        wanted+=("$name")
      else
        say "this distribution has no package $name; the tests that need it will be skipped"
      fi
    done
  fi
  if [[ ${#missing[@]} -eq 0 && ${#wanted[@]} -eq 0 ]]; then return; fi
  # tshark asks who may capture, iperf3 whether to start a server: take the defaults, start nothing.
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" "${wanted[@]}" \
    || die "apt-get could not install: ${missing[*]} ${wanted[*]}" "look at the messages above"
}

# Print a Python of at least 3.11 that can make virtual environments, the distribution's first.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python of version 3.11 or later with venv" \
    "Debian 12 and Ubuntu 24.04 have one: apt install python3 python3-venv"
}

pip_install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" \
    || die "pip could not install: $*" "look at the messages above; is the network up?"
}

# What the Python packages hang on: names, version, and for --dev the locked versions.
python_files=(pyproject.toml setup.py tools/build_package.py tcpexp/__init__.py requirements-dev.txt)

# The environment is made again when one of these files, the place of the checkout or the kind (--dev) changes.
make_venv() {
  local stamp=$venv/tcpexp-stamp sum kinds=(dev) kind
  sum="$(cd "$root" && cat "${python_files[@]}" | sha256sum | cut -d' ' -f1) $root"
  if [[ $dev == no ]]; then kinds=(run dev); fi
  for kind in "${kinds[@]}"; do
    if [[ -x $venv/bin/tcpexp && -f $stamp && $(<"$stamp") == "$sum $kind" ]]; then return; fi
  done
  local python
  python=$(find_python)
  say "making the virtual environment $venv with $python"
  if [[ ! -x $venv/bin/python ]] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$venv"
  fi
  if [[ $dev == yes ]]; then
    kind=dev
    say "installing the Python packages of requirements-dev.txt"
    pip_install --require-hashes --requirement "$root/requirements-dev.txt"
    pip_install --no-deps --no-build-isolation --editable "$root"
  else
    kind=run
    say "installing the Python packages that pyproject.toml names"
    pip_install --editable "${root}[pdf]"
  fi
  echo "$sum $kind" >"$stamp"
}

# Put tcpexp on the PATH. A file there that is not a link is somebody else's and stays.
link_command() {
  local folder=/usr/local/bin
  if [[ $EUID -ne 0 ]] && ! sudo -n true 2>/dev/null \
    && [[ $(readlink /usr/local/bin/tcpexp) != "$venv/bin/tcpexp" ]]; then
    folder=$HOME/.local/bin
    mkdir -p "$folder"
  fi
  local link=$folder/tcpexp
  if [[ $(readlink "$link") == "$venv/bin/tcpexp" ]]; then return; fi
  if [[ -e $link && ! -L $link ]]; then
    say "left $link alone: it is not a link; use $venv/bin/tcpexp"
    return
  fi
  say "linking $link to $venv/bin/tcpexp"
  if [[ $folder == /usr/local/bin ]]; then
    as_root ln -sfn "$venv/bin/tcpexp" "$link"
  else
    ln -sfn "$venv/bin/tcpexp" "$link"
    case :$PATH: in
      *:$folder:*) ;;
      *) say "$folder is not on your PATH; add it, or log in again" ;;
    esac
  fi
}

# Build the guest's image. Without root this needs user namespaces, which Ubuntu 24.04 restricts (AppArmor): then sudo.
build_image() {
  local build=(env --default-signal=INT "$venv/bin/tcpexp" guest build)  # in the background too, Ctrl-C ends it
  say "building the guest's image (once, 1 to 3 minutes)"
  if [[ $EUID -eq 0 ]] || unshare --user --map-root-user true 2>/dev/null; then
    "${build[@]}"
  else
    as_root env ${XDG_CACHE_HOME:+"XDG_CACHE_HOME=$XDG_CACHE_HOME"} "${build[@]}"
  fi
}

# Build the kernels named, one after the other: each keeps all processors busy.
build_kernels() {
  local name
  for name in "$@"; do
    say "building the kernel $name (once, 5 to 20 minutes)"
    "$venv/bin/tcpexp" kernel build "$name" || return
  done
}

# Make what the guest lacks; one process says what that is. The image waits for the network and kernels for processors,
# so they are built at the same time.
make_guest() {
  local lacking absent_kernels image='' status=0
  lacking=$("$venv/bin/python" -m tcpexp.places.ready "${kernels[@]}")
  if [[ -z $lacking ]]; then return; fi
  # The folder is ours, also where sudo builds the image.
  if [[ $EUID -ne 0 ]]; then mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}/tcpexp"; fi
  if grep -qx image <<<"$lacking"; then
    build_image &
    image=$!
  fi
  mapfile -t absent_kernels < <(grep -vx image <<<"$lacking" || true)
  build_kernels "${absent_kernels[@]}" || status=$?
  if [[ -n $image ]]; then wait "$image" || status=$?; fi
  return "$status"
}

for tool in dpkg-query apt-get; do
  command -v "$tool" >/dev/null \
    || die "this is not a Debian or Ubuntu machine: no $tool" "docs/guides/install.md lists what tcpexp needs elsewhere"
done
apt_install
make_venv
link_command
if [[ $guest == yes ]]; then make_guest; fi
