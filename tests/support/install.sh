# Sourced by the run scripts: installs missing Debian or Ubuntu packages; on other systems it lists them.

# install_packages NAME...: installs the missing ones, with the options $apt_options; exits with status 1 if that is not
# possible.
install_packages() {
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    have_tools && return 0
    echo "This is not Debian or Ubuntu. Please install with the system's package manager: a C++20 compiler (GCC 12 or Clang 14" \
      "and newer), CMake >= 3.24, Ninja, Eigen >= 3.4, nlohmann_json, CLI11 and, for the tests, Catch2; then run this again." >&2
    exit 1
  fi
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2> /dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
      echo "Missing packages: ${missing[*]}. Please install them: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq ${apt_options:-} "${missing[@]}" > /dev/null
}

# install_if_offered NAME...: optional packages of some tests; prints those that are not available.
install_if_offered() {
  command -v apt-get > /dev/null || return 0
  local name
  for name in "$@"; do
    (install_packages "$name") || echo "$name could not be installed: tests that require it are skipped"
  done
}

# Other systems: whether the build tools are installed; CMake reports what else is missing.
have_tools() {
  command -v cmake > /dev/null && command -v ninja > /dev/null && { command -v g++ > /dev/null || command -v clang++ > /dev/null; }
}
