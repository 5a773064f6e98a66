# upgrade-tui sampler: reads counters from /proc once a second, changes nothing, ends with its SSH session
# arguments: proc root, seconds between lines, offset to the wall second, number of devices, devices...
use Time::HiRes qw(time sleep);
my ($root, $every, $phase, $count, @devices) = @ARGV;
my @keys = qw(MemTotal MemFree MemAvailable Buffers Cached Shmem SwapTotal SwapFree);
my $keep = $root eq "/proc";    # elsewhere files may be replaced by new ones: open them every time
my %open;
$SIG{PIPE} = sub { exit 0 };

sub content {
    my ($name, $short) = @_;
    my $fh = $open{$name};
    unless ($fh) {
        open($fh, "<", "$root/$name") or return "";
        $open{$name} = $fh if $keep;
    }
    sysseek($fh, 0, 0);
    my $out = "";
    my $got = sysread($fh, $out, $short ? 512 : 65536);
    while ($got && !$short && length($out) > 3000) { $got = sysread($fh, $out, 65536, length $out) }
    return $out;
}

sub pressure { return content("pressure/$_[0]", 1) =~ /^some avg10=(\S+)/ ? $1 : "null" }

sub disks {
    my ($stats, @out) = @devices ? content("diskstats") : "";
    for my $d (@devices) {
        my @s = $stats =~ /^(.* \Q$d\E .*)$/m ? split(" ", $1) : ();
        push @out, @s > 12 ? "[$s[5],$s[9],$s[12]]" : "null";
    }
    return join ",", @out;
}

sub line {
    my @cpu = split " ", (split /\n/, content("stat", 1), 2)[0];
    shift @cpu;
    push @cpu, 0 while @cpu < 8;
    my ($up) = split " ", content("uptime");
    my @load = split " ", content("loadavg");
    my %m = content("meminfo") =~ /^(\w+):\s+(\d+)/mg;
    my ($rx, $tx) = (0, 0);
    for (split /\n/, content("net/dev")) {
        next unless /^\s*([^:]+):\s*(.*)/ && $1 ne "lo";
        my @f = split " ", $2;
        next unless @f > 8;
        $rx += $f[0];
        $tx += $f[8];
    }
    my @tcp = content("net/snmp") =~ /^Tcp: (.*)$/mg;
    my @f = @tcp > 1 ? split(" ", $tcp[1]) : ();
    my $out = sprintf '["S",%s,[%s],[%s],[%s],[%s],[%.0f,%.0f],%s,[%s]]', defined $up ? $up : "0", join(",", @cpu[0 .. 7]),
        @load > 2 ? join(",", @load[0 .. 2]) : "0,0,0", join(",", map { defined $m{$_} ? $m{$_} : "null" } @keys),
        join(",", pressure("cpu"), pressure("memory"), pressure("io")), $rx, $tx, defined $f[8] ? $f[8] : "0", disks();
    syswrite(STDOUT, "$out\n") or exit 0;
}

sub cores {
    my ($born, @out) = ("null");
    for (split /\n/, content("stat")) {
        if (/^cpu(\d+) (.*)/) {
            my ($n, @f) = ($1, split " ", $2);
            my $total = 0;
            $total += $_ for @f[0 .. ($#f > 7 ? 7 : $#f)];
            push @out, sprintf "[%s,%.0f,%.0f]", $n, $total - $f[3] - ($f[4] || 0), $total;
        }
        elsif (/^btime (\d+)/) { $born = $1; last }
    }
    syswrite(STDOUT, "[\"C\",$born,[" . join(",", @out) . "]]\n") or exit 0;
}

my $turn = 0;
my $period = $every && int(5 / $every) || 1;
line(); cores();
while ($every > 0) {
    my $turns = (time() - $phase) / $every;
    my $left = $every * (1 - ($turns - int $turns));
    sleep($left > 0.1 ? $left : $left + $every);    # woken a little early: that second was this one
    line();
    cores() if ++$turn % $period == 0;
}
