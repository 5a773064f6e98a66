# upgrade-tui sampler: reads counters from /proc at each line it is sent, changes nothing, ends with its SSH session
# arguments: proc root, lines between per-core lines, number of devices, devices...
root=$1 period=$2
shift 3
devices=("$@")
keys=(MemTotal: MemFree: MemAvailable: Buffers: Cached: Shmem: SwapTotal: SwapFree:)
set -f
LC_ALL=C
builtin mapfile -n 1 </dev/null || exit 3

pressure() {
    local line=() f
    { mapfile -n 1 -t line <"$root/pressure/$1"; } 2>/dev/null
    f=(${line[0]})
    case ${f[1]} in avg10=*) out+=${f[1]#avg10=} ;; *) out+=null ;; esac
}

sample() {
    local lines line f cpu=(0) load=() up=(0) i rx=0 tx=0 seen=0 tcp=0 out
    local -A m=() found=()
    { mapfile -n 1 -t lines <"$root/stat"; } 2>/dev/null && cpu=(${lines[0]})
    { mapfile -n 1 -t lines <"$root/uptime"; } 2>/dev/null && up=(${lines[0]})
    { mapfile -n 1 -t lines <"$root/loadavg"; } 2>/dev/null && load=(${lines[0]})
    out="[\"S\",$up,["
    for i in 1 2 3 4 5 6 7 8; do out+=${cpu[i]:-0},; done
    out="${out%,}],["
    if [ -n "${load[2]}" ]; then out+="${load[0]},${load[1]},${load[2]}],["; else out+="0,0,0],["; fi
    lines=(); { mapfile -n 30 -t lines <"$root/meminfo"; } 2>/dev/null
    for line in "${lines[@]}"; do f=($line); m[${f[0]}]=${f[1]}; done
    for i in "${keys[@]}"; do out+=${m[$i]:-null},; done
    out="${out%,}],["
    pressure cpu; out+=,; pressure memory; out+=,; pressure io
    lines=(); { mapfile -s 2 -t lines <"$root/net/dev"; } 2>/dev/null
    for line in "${lines[@]}"; do
        f=(${line%%:*}); [ "$f" = lo ] && continue
        f=(${line#*:}); [ ${#f[@]} -gt 8 ] && ((rx += f[0], tx += f[8]))
    done
    lines=(); { mapfile -t lines <"$root/net/snmp"; } 2>/dev/null
    for line in "${lines[@]}"; do
        [ "${line:0:5}" = "Tcp: " ] || continue
        [ $seen = 1 ] && f=($line) && tcp=${f[9]:-0} && break
        seen=1
    done
    out+="],[$rx,$tx],$tcp,["
    if [ ${#devices[@]} -gt 0 ]; then
        lines=(); { mapfile -t lines <"$root/diskstats"; } 2>/dev/null
        for line in "${lines[@]}"; do f=($line); found[${f[2]}]=${f[12]:+[${f[5]},${f[9]},${f[12]}],}; done
        for i in "${devices[@]}"; do out+=${found[$i]:-null,}; done
        out=${out%,}
    fi
    printf '%s]]\n' "$out" || exit 0
}

cores() {
    local lines line f i total out= born=null
    { mapfile -t lines <"$root/stat"; } 2>/dev/null
    for line in "${lines[@]}"; do
        case $line in
        cpu[0-9]*)
            f=($line) total=0
            for i in 1 2 3 4 5 6 7 8; do ((total += f[i])); done
            out+=",[${f[0]#cpu},$((total - f[4] - f[5])),$total]" ;;
        btime\ *) born=${line#btime }; break ;;
        esac
    done
    printf '["C",%s,[%s]]\n' "$born" "${out#,}" || exit 0
}

turn=0
sample; cores
while read -r line; do
    sample
    [ $((++turn % period)) = 0 ] && cores
done
