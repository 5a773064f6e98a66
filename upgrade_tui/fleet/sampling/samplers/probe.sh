# upgrade-tui: what this host is, asked once a connection
# arguments: proc root, mount points as in /proc/mounts...
root=$1
shift
exec 2>/dev/null
set -f
LC_ALL=C
export LC_ALL
read -r kernel <"$root/sys/kernel/osrelease" || kernel=$(uname -r)
read -r boot <"$root/sys/kernel/random/boot_id"
read -r uptime rest <"$root/uptime"
echo "upgrade-tui-probe 1"
echo "kernel $kernel"
echo "boot $boot"
echo "uptime $uptime"
echo "clock $(date +%s.%N)"
echo "cores $(grep -c '^cpu[0-9]' "$root/stat")"
while read -r key value rest; do [ "$key" = MemTotal: ] && echo "memory $value" && break; done <"$root/meminfo"
while read -r key value rest; do [ "$key" = btime ] && echo "born $value" && break; done <"$root/stat"
[ -d /run/systemd/system ] && command -v systemctl >/dev/null && echo "systemd yes"
for name in python3 perl awk bash; do command -v $name >/dev/null && echo "have $name"; done
command -v awk >/dev/null && echo "awk $(readlink -f "$(command -v awk)")"
for mount; do
    if [ -r "$root/self/mountinfo" ]; then
        grep -F -- " $mount " "$root/self/mountinfo" | while read -r line; do printf 'mountinfo %s\n' "$line"; done
    else
        grep -F -- " $mount " "$root/mounts" | while read -r line; do printf 'mount %s\n' "$line"; done
    fi
done
[ $# = 0 ] || while read -r major minor name rest; do printf 'device %s\n' "$major:$minor $name"; done <"$root/diskstats"
echo "end"
