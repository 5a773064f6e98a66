# upgrade-tui sampler: reads counters from /proc at each line it is sent, changes nothing, ends with its SSH session
# arguments: proc root, lines between per-core lines, number of devices, devices...
function pressure(name,    f, line, a) {
    f = root "/pressure/" name; line = ""
    if ((getline line < f) <= 0) line = ""
    close(f)
    if (line !~ /^some avg10=/) return "null"
    split(line, a, " "); return substr(a[2], 7)
}
function memory(    f, line, a, i, out, m, left) {
    f = root "/meminfo"
    while ((getline line < f) > 0) {
        split(line, a, " "); m[a[1]] = a[2]
        if (a[1] == "Shmem:") break
    }
    close(f)
    out = ""
    for (i = 1; i <= 8; i++) out = out (i > 1 ? "," : "") ((keys[i] in m) ? m[keys[i]] : "null")
    return out
}
function network(    f, line, a, i, rx, tx, name) {
    f = root "/net/dev"; rx = 0; tx = 0
    while ((getline line < f) > 0) {
        i = index(line, ":")
        if (!i) continue
        name = substr(line, 1, i - 1); gsub(/ /, "", name)
        if (name != "lo" && split(substr(line, i + 1), a, " ") > 8) { rx += a[1]; tx += a[9] }
    }
    close(f)
    return sprintf("%.0f,%.0f", rx, tx)
}
function connections(    f, line, a, seen, out) {
    f = root "/net/snmp"; out = "0"; seen = 0
    while ((getline line < f) > 0)
        if (substr(line, 1, 5) == "Tcp: " && seen++) { if (split(line, a, " ") > 9) out = a[10]; break }
    close(f)
    return out
}
function disks(    f, line, a, i, out, left, found) {
    if (!count) return ""
    f = root "/diskstats"; left = count
    while (left > 0 && (getline line < f) > 0)
        if (split(line, a, " ") > 12 && (a[3] in wanted)) { found[a[3]] = "[" a[6] "," a[10] "," a[13] "]"; left-- }
    close(f)
    out = ""
    for (i = 1; i <= count; i++) out = out (i > 1 ? "," : "") ((devices[i] in found) ? found[devices[i]] : "null")
    return out
}
function first(name,    f, line) {
    f = root "/" name; line = ""
    if ((getline line < f) <= 0) line = ""
    close(f)
    return line
}
function sample(    a, n, i, cpu, load, up) {
    n = split(first("stat"), a, " "); cpu = ""
    for (i = 2; i <= 9; i++) cpu = cpu (i > 2 ? "," : "") (i <= n ? a[i] : "0")
    up = split(first("uptime"), a, " ") ? a[1] : "0"
    load = split(first("loadavg"), a, " ") > 2 ? a[1] "," a[2] "," a[3] : "0,0,0"
    printf "[\"S\",%s,[%s],[%s],[%s],[%s,%s,%s],[%s],%s,[%s]]\n", up, cpu, load, memory(), pressure("cpu"), pressure("memory"), \
        pressure("io"), network(), connections(), disks()
    fflush()
}
function cores(    f, line, a, n, i, total, out, born) {
    f = root "/stat"; born = "null"; out = ""
    while ((getline line < f) > 0) {
        n = split(line, a, " ")
        if (a[1] ~ /^cpu[0-9]/) {
            total = 0
            for (i = 2; i <= n && i <= 9; i++) total += a[i]
            out = out (out == "" ? "[" : ",[") substr(a[1], 4) sprintf(",%.0f,%.0f]", total - a[5] - a[6], total)
        } else if (a[1] == "btime") { born = a[2]; break }
    }
    close(f)
    printf "[\"C\",%s,[%s]]\n", born, out
    fflush()
}
BEGIN {
    root = ARGV[1]; period = ARGV[2]; count = ARGV[3] + 0
    for (i = 1; i <= count; i++) { devices[i] = ARGV[3 + i]; wanted[devices[i]] = 1 }
    split("MemTotal: MemFree: MemAvailable: Buffers: Cached: Shmem: SwapTotal: SwapFree:", keys, " ")
    ARGC = 1
    sample(); cores()
}
{ sample(); if (++turn % period == 0) cores() }
