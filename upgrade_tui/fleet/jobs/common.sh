# What all job scripts share: the record they are given, where job directories are and whether they are ours, who is
# alive. For any POSIX sh, Linux only. Nothing that names or opens a job stands in an argument: `ps` shows those to all.

take() { # the record on standard input: its length, then a field a line; false if it does not arrive whole
    mode= mark= key= id= place= job_dir= proc=/proc systemd= at=0 timeout= keep=0 armed=0 unit= window= host= seconds=
    given= command= guards=
    IFS= read -r left || return 1
    case $left in '' | *[!0-9]*) return 1 ;; esac
    while [ "$left" -gt 0 ]; do
        IFS= read -r line || return 1
        left=$((left - ${#line} - 1)) value=${line#* }
        case ${line%% *} in
        mode) mode=$value ;; mark) mark=$value ;; id) id=$value ;; at) at=$value ;; timeout) timeout=$value ;;
        keep) keep=$value ;; armed) armed=$value ;; unit) unit=$value ;; seconds) seconds=$value ;;
        key) decode "$value" && key=$text ;;
        place) decode "$value" && place=$text ;;
        job_dir) decode "$value" && job_dir=$text ;;
        proc) decode "$value" && proc=$text ;;
        systemd) decode "$value" && systemd=$text ;;
        window) decode "$value" && window=$text ;;
        guards) guards=$value ;;
        host) decode "$value" && host=$text ;;
        command) command=$value ;;
        env | secret) given=$given$value$nl ;;
        esac
    done
    [ "$left" = 0 ]
}

decode() { # the value of a field, into `text`: what is not plain comes as `printf %b` reads it
    text=$1
    case $1 in *\\*)
        text=$(printf '%b_' "$1") # the shell cuts newlines off the end
        text=${text%_}
        ;;
    esac
}

choose() { # where jobs are on this host, into `place`; a window asks once, and gives it back from then on
    known=$place
    [ -z "$place" ] || return 0
    if [ -n "$job_dir" ]; then
        place=$job_dir/upgrade-tui.$who
    else
        case ${XDG_STATE_HOME:-} in
        /*) place=$XDG_STATE_HOME/upgrade-tui/jobs ;;
        *) place=${HOME%/}/.local/state/upgrade-tui/jobs ;;
        esac
    fi
    case $place in /*) return 0 ;; esac
    why='the login user has no home'
    return 1
}

enter() { # go to where jobs are: 0 we are there, 1 there is no such place, 2 it is not to be used, see `why`.
    # Whether it is ours alone is still to be asked: `ls` is a process, and one can tell of several directories.
    choose || return 2
    if [ "$1" = make ] && [ ! -e "$place" ] && [ ! -h "$place" ]; then
        why=$({ [ -z "$job_dir" ] || mkdir -p "$job_dir"; } 2>&1 && umask 077 && mkdir -p "$place" 2>&1) || return 2
    fi
    [ -e "$place" ] || [ -h "$place" ] || return 1
    why="$place is a link"
    [ ! -h "$place" ] || return 2
    why="$place cannot be entered"
    cd -P "$place" 2>/dev/null || return 2 # from here on it cannot be exchanged: we are in it
    why="$place is not where it was: that is now $PWD"
    [ -z "$known" ] || [ "$PWD" = "$place" ] || return 2
    place=$PWD
}

ours() { # do these directories belong to us, and can nobody else use them? else `why`
    listed=$(ls -ldn "$@" 2>&1)$nl
    for each in "$@"; do
        line=${listed%%"$nl"*} listed=${listed#*"$nl"}
        why="$PWD/$each is not ours alone: $line"
        [ -O "$each" ] && [ ! -h "$each" ] || return 1
        case $line in drwx--[-S]---[.\ ]*) ;; *) return 1 ;; esac
    done
}

open_job() { # go to the job's directory, which we find or make: answers as `enter` does
    enter "$1" || return
    new=
    if [ "$1" = make ] && [ -O . ] && [ ! -e "$id" ]; then
        # This decides who starts it. By the umask: busybox's `mkdir -m` changes the mode a moment after it made the
        # directory, and whoever looks in between takes it for somebody else's.
        why=$(umask 077 && mkdir "$id" 2>&1) && new=1
    fi
    if [ ! -e "$id" ] && [ ! -h "$id" ]; then
        [ ! -O . ] || [ "$1" != make ] || return 2 # it could not be made
        ours . || return 2
        return 1
    fi
    ours . "$id" || return 2
    cd -P "$id" 2>/dev/null || return 2
    d=$place/$id
}

boot() { # the boot id of this host, into `booted`
    booted=
    { read -r booted <"$proc/sys/kernel/random/boot_id"; } 2>/dev/null ||
        { read -r booted </proc/sys/kernel/random/boot_id; } 2>/dev/null
}

uptime() { # seconds since boot, suspended time included, into `up`
    up=0
    { read -r up _ </proc/uptime; } 2>/dev/null # not `date`: a clock that is set would fire dead-men, or hold them
}

born() { # when process $1 began (clock ticks since boot), into `began`; false if it is no more
    began=
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } # behind the last bracket: a process chooses its name, brackets and spaces included
    case $stat in Z* | X*) return 1 ;; esac
    set -- $stat
    began=${20} # field 22 of proc(5): pid and name are cut off
}

alive() { # is $1 the process that began at $2? Without the second, whoever got its number later would be taken for it
    [ -n "$1" ] && born "$1" && [ "$began" = "$2" ]
}

begun() { # who decided over this job, into `runner` (a pid, or a word) and `detail`; false if nobody has yet
    tries=0
    while :; do
        runner= detail=
        { read -r runner detail <begun; } 2>/dev/null
        [ -z "$runner" ] || return 0
        [ -e begun ] && [ $tries -lt 10 ] || return 1 # made, but not written yet (or never: the disk is full)
        tries=$((tries + 1))
        nap 0.05
    done
}

sleeper() { # of a dead-man: who waits for its deadline, into `runner` and `detail`; false if it is no more
    runner= detail=
    { read -r runner detail <sleeper; } 2>/dev/null
    lives
}

lives() { # is the runner that `begun` found still there?
    alive "$runner" "${detail%% *}"
}

coded() { # has the command ended? how, into `result`
    { read -r code why how from to dot <code; } 2>/dev/null && [ "${dot%% *}" = . ] || return 1
    result="$code $why $how $from $to"
}

decide() { # write $1 as the decision over this job; false if there is one already
    set -C
    { printf '%s\n' "$1" >begun; } 2>/dev/null
    decided=$?
    set +C
    return $decided
}

say() { # a frame; its mark tells it from those of other jobs
    printf '%s %s\n' "$mark" "$1"
}

leave() { # the last frame
    say "$1"
    exit 0
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
