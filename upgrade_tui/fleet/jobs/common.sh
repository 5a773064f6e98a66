# What all job scripts share: where job directories are, what is in them, who is alive. For any POSIX sh, Linux only.
# Set by the caller: name (NAME@HOST, safe characters), directory (or empty), proc.

where() { # every place where a job directory may be, best first: set `places`
    places=$directory
    [ -n "$places" ] || places="/var/tmp
/tmp
${HOME:-/}/.cache
${XDG_RUNTIME_DIR:-}"
}

each() { # call $1 for each place until it succeeds
    where
    rest=$places$nl
    while [ -n "$rest" ]; do
        place=${rest%%"$nl"*} rest=${rest#*"$nl"}
        [ -z "$place" ] || ! "$1" || return 0
    done
    return 1
}

here() { # is the job's directory in this place?
    d=$place/upgrade-tui.$who/$name
    [ -d "$d" ]
}

make() { # make the job's directory here: this decides who starts it
    parent=$place/upgrade-tui.$who
    case $place in /*) ;; *) why="$place is not an absolute path"; return 1 ;; esac
    if [ ! -d "$parent" ]; then
        why=$(mkdir -p "$place" 2>&1 && mkdir -m 700 "$parent" 2>&1)
        [ -d "$parent" ] || return 1
    fi
    if [ -h "$parent" ] || [ ! -O "$parent" ]; then why="$parent is not ours"; return 1; fi
    d=$parent/$name
    why=$(mkdir -m 700 "$d" 2>&1) && return 0
    [ -d "$d" ] && there=1 # somebody was faster
}

boot() { # the boot id of this host, into `booted`
    booted=
    { read -r booted <"$proc/sys/kernel/random/boot_id"; } 2>/dev/null ||
        { read -r booted </proc/sys/kernel/random/boot_id; } 2>/dev/null
}

uptime() { # seconds since boot, suspended time included, into `up`
    up=0
    { read -r up _ </proc/uptime; } 2>/dev/null
}

born() { # when process $1 began (clock ticks since boot), into `began`; false if it is no more
    began=
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    case $stat in Z* | X*) return 1 ;; esac
    set -- $stat
    began=${20}
}

alive() { # is $1 the process that began at $2?
    [ -n "$1" ] && born "$1" && [ "$began" = "$2" ]
}

begun() { # who decided over this job, into `runner` (a pid, or a word) and `detail`; false if nobody has yet
    tries=0
    while :; do
        runner= detail=
        { read -r runner detail <"$d/begun"; } 2>/dev/null
        [ -z "$runner" ] || return 0
        [ -e "$d/begun" ] && [ $tries -lt 10 ] || return 1 # made, but not written yet (or never: the disk is full)
        tries=$((tries + 1))
        nap 0.05
    done
}

sleeper() { # of a dead-man: who waits for its deadline, into `runner` and `detail`; false if it is no more
    runner= detail=
    { read -r runner detail <"$d/sleeper"; } 2>/dev/null
    lives
}

lives() { # is the runner that `begun` found still there?
    alive "$runner" "${detail%% *}"
}

coded() { # has the command ended? how, into `result`
    { read -r code why how from to dot <"$d/code"; } 2>/dev/null && [ "${dot%% *}" = . ] || return 1
    result="$code $why $how $from $to"
}

decide() { # write $1 as the decision over this job; false if there is one already
    set -C
    { printf '%s\n' "$1" >"$d/begun"; } 2>/dev/null
    decided=$?
    set +C
    return $decided
}

limited() { # run the rest for at most $1 seconds, where the host can: a systemd that hangs answers nobody
    if command -v timeout >/dev/null 2>&1; then
        timeout "$@"
    else
        shift
        "$@"
    fi
}

nap() { sleep "$1" 2>/dev/null || sleep 1; }

nl='
'
who=${LOGNAME:-${USER:-nobody}}
