# NAME VERSION: installed, by whichever of dpkg, rpm and apk are here; with a version, that one
check_package() (
  asked='' found=''
  for manager in dpkg-query rpm apk; do
    has "$manager" || continue
    asked="$asked${asked:+, }${manager%-query}"
    case $manager in
      dpkg-query) said=$(of_dpkg "$1") ;;
      rpm) said=$(limited 20 rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null) || said='' ;;
      apk) said=$(limited 20 apk info -e -v "$1" 2>/dev/null) || said='' ;;
    esac
    for version in $said; do
      found="$found${found:+ }${version#"$1"-}" # apk puts the name before it
    done
  done
  [ -n "$asked" ] || dunno "package $1: none of dpkg, rpm and apk is here"
  [ -n "$found" ] || fail "package $1: not installed, says $asked"
  [ -n "$2" ] || ok "package $1: $found"
  for version in $found; do
    is_version "$version" "$2" && ok "package $1: $version, wanted $2"
  done
  fail "package $1: $found, wanted $2"
)

# the versions of a package that is installed whole; a removed one can have left its configuration
of_dpkg() {
  limited 20 dpkg-query -W -f '${db:Status-Abbrev}|${Version}\n' "$1" 2>/dev/null | while read -r entry; do
    case $entry in
      ?i*) printf '%s\n' "${entry#*|}" ;;
    esac
  done
}
