# What could kill a dead-man before its deadline: looked up before it is armed. After common.sh.
# Set by the caller: systemd (where /run/systemd is), who.

perils() { # of one that waits $1 seconds: what could kill it, into `risk`
    risk=
    due=
    while IFS='=' read -r word value; do
        case $word in USEC) due=${value%??????} ;; MODE) mode_due=$value ;; esac
    done 2>/dev/null <"$systemd/shutdown/scheduled"
    case $due in '' | *[!0-9]*) return ;; esac
    now=$(date +%s) || return
    [ "$due" -lt $((now + $1)) ] || return
    left=$(((due - now) / 60))
    [ $left -gt 0 ] || left=0
    risk="a ${mode_due:-shutdown} of the host is scheduled in $left min, before the deadline, and would kill it (shutdown -c there takes that back)"
}

doomed() { # of one that is no unit: is it certain that logind ends it with this session? why, into `why`
    case $(cat /proc/self/cgroup 2>/dev/null) in */session-*.scope*) ;; *) return 1 ;; esac
    said=$(limited 5 busctl get-property org.freedesktop.login1 /org/freedesktop/login1 \
        org.freedesktop.login1.Manager KillExcludeUsers KillOnlyUsers KillUserProcesses 2>/dev/null)
    excepted=${said%%"$nl"*} said=${said#*"$nl"}
    only=${said%%"$nl"*} all=${said#*"$nl"}
    case $excepted in
    'as 0') [ "$who" != root ] || return 1 ;; # where nobody is named, root is
    *\""$who"\"*) return 1 ;;
    esac
    case $only in
    'as 0' | '') [ "$all" = 'b true' ] || return 1 ;;
    *\""$who"\"*) ;;
    *) return 1 ;;
    esac
    why="logind there ends what $who leaves behind at logout (KillUserProcesses), a dead-man too: loginctl enable-linger $who"
}
