# Runs one host until it halts, and boots it again when it reboots. Arguments: root directory, name, network namespace.
# In control groups of its own: systemd takes over the groups that it is started in.
root=$1 name=$2 space=$3
cg=/sys/fs/cgroup
mkdir -p "$cg/systemd/$name" "$cg/unified/$name" 2>/dev/null || mkdir -p "$cg/$name"
for c in "$cg/systemd" "$cg/unified" "$cg"; do
    [ ! -w "$c/$name/cgroup.procs" ] || echo $$ >"$c/$name/cgroup.procs"
done
trap 'kill "$child" 2>/dev/null' TERM # nspawn asks the host's systemd to halt (--kill-signal)
code=133                              # how nspawn says "it wants to be booted again"
while [ $code = 133 ]; do
    systemd-nspawn -q -D "$root" --machine="$name" --register=no --keep-unit \
        --network-namespace-path="/run/netns/$space" --resolv-conf=off --timezone=off --link-journal=no \
        --console=pipe --kill-signal=SIGRTMIN+3 -b </dev/null &
    child=$!
    code=0
    wait $child || code=$?
    while kill -0 $child 2>/dev/null; do wait $child || code=$?; done
done
