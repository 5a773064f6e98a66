# HOST PORT WRITTEN: something there must accept a connection within five seconds
check_port() (
  for way in bash perl python3 nc; do
    has "$way" || continue
    said=$("connect_$way" "$1" "$2" 2>&1)
    case $? in
      0) ok "port $3: answers" ;;
      1) fail "port $3: $(refused "$said")" ;;
      124 | 137 | 143) fail "port $3: no answer within 5 s" ;;
    esac # else: this way does not work here, try the next
  done
  dunno "port $3: neither bash, perl, python3 nor nc here can ask"
)

refused() {
  case $1 in
    *'not known'* | *resolution* | *'bad address'* | *'nodename nor'*) printf 'the name is not known here' ;;
    '') printf 'does not answer' ;;
    *) reason "$1" ;;
  esac
}

connect_bash() (
  said=$(limited 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1)
  code=$?
  printf '%s' "$said"
  case $said in
    *"/dev/tcp/$1/$2: No such file"*) exit 99 ;; # a bash that was built without
  esac
  exit $code
)

connect_perl() {
  limited 6 perl -e '
    eval { require IO::Socket::IP; 1 } or exit 99;
    IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Type => 1, Timeout => 5) and exit 0;
    print $@;
    exit 1' "$1" "$2"
}

connect_python3() {
  limited 6 python3 -S -E -c '
import sys
try:
    import socket
except ImportError:
    sys.exit(99)
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
except OSError as error:
    print(error.strerror or error)
    sys.exit(1)' "$1" "$2"
}

connect_nc() (
  help=$(limited 5 nc -h 2>&1)
  case $help in
    *-z*) limited 6 nc -z -w 5 "$1" "$2" ;;
    *BusyBox*)
      # Without -z it stays until the other side closes; -w 3 ends it only while it is still connecting.
      [ -n "$kit_limit" ] || exit 99
      limited 5 nc -w 3 "$1" "$2" >/dev/null
      case $? in
        0 | 124 | 137 | 143) exit 0 ;;
        *) exit 1 ;;
      esac
      ;;
    *) exit 99 ;;
  esac
)
