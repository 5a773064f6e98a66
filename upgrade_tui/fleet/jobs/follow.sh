# Starts a job at most once, and follows it: prints frames for ``frames.py`` until it ended. After common.sh. What is to
# be done comes in a record on standard input; the only argument is the text of runner.sh.
runner_text=${1-}

# -- starting ---------------------------------------------------------------------------------------------------------

hello() { # the first frame: $1 new or there, and where ("-": nowhere)
    born $$
    greeted=1
    say "$1 $$ $began $2"
}

begin() { # the directory is ours alone: fill it, start the runner
    boot
    uptime
    [ "$armed" = 0 ] || perils "$armed"
    set -C
    {
        printf '%s %s %s\n' "$booted" "$up" "$armed" >boot &&
            printf '%s\n' "$key" >name &&
            printf '%b' "$command" >command &&
            printf '%-60s\n' '' >code &&
            printf '%-100s\n' '0 0 0 0 0' >size && [ -s size ] &&
            { [ "$armed" = 0 ] || printf 'armed\n' >token; } &&
            { [ "$armed" = 0 ] || printf '%-20s\n' "$((${up%%.*} + armed))" >deadline; }
    } 2>/dev/null || give_up "cannot write to $d: is the disk of the host full?"
    set +C
    hello new "$d"
    if usable_systemd && { printf '%s\n' "$runner_text" >run; } 2>/dev/null; then
        { in_unit & } | heed
    else
        alone
    fi
}

give_up() { # nothing was started and nothing will be
    cd ..
    rm -rf "$id"
    [ -n "$greeted" ] || hello new -
    leave "N $1"
}

alone() { # start the runner without systemd
    [ "$armed" = 0 ] || ! doomed || give_up "$why"
    { detach & } | heed
}

orders() { # for the runner: where the command runs, then what was asked for
    printf '%s\n' "$home" "$timeout" "$keep" "$armed" "$guards" "$mark" "$command" "$given$mark"
}

detach() { # start the runner in a session of its own; 3: news for us
    exec 2>/dev/null # the channel ends when nobody has its stderr any more
    orders | setsid sh -c "$runner_text" upgrade-tui-job 4<&0 3>&1 </dev/null >/dev/null 2>&1
}

usable_systemd() { # for root, or for a user whose manager stays when he logs out
    [ -d "$systemd/system" ] && command -v systemd-run >/dev/null 2>&1 || return 1
    scope=
    [ -w "$systemd/system" ] && return 0
    scope=--user
    [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -e "/var/lib/systemd/linger/$who" ]
}

in_unit() { # start the runner as a unit of its own, so that the end of this session does not end it
    # Everybody can read a unit's properties: all of it goes through pipes, this session's environment included.
    # systemd-run would wait for its end: it is needed for the start only, and a manager that hangs is not waited for.
    exec 2>/dev/null
    {
        printf '%s\n' "$d"
        orders
        export -p
        printf 'umask %s\n' "$(umask)"
        printf '%s\n' "$mark"
    } | limited 10 systemd-run $scope --quiet --collect --pipe --unit="upgrade-tui-$unit.service" \
        --description='upgrade-tui job' -p KillMode=process \
        env -i sh -c 'IFS= read -r d && cd -P "$$d" && . ./run' upgrade-tui-job unit 2>/dev/null
    printf 'F %s\n' $?
}

no_unit() { # systemd-run has ended with $1, and nobody has begun
    [ ! -s begun ] && [ ! -s sleeper ] || return 0
    case $1 in
    124 | 137 | 143) # its time was up (busybox says 143): nobody knows whether there will be a unit. And a systemd that
        # hangs would hang what the command asks of it as well
        [ "$armed" = 0 ] || mv token ended # a unit that comes late finds it decided
        decide 'never systemd on the host did not start it within 10 s' || return 0
        leave 'N systemd on the host did not start it within 10 s'
        ;;
    esac
    alone # systemd-run says itself that there is none; one that comes all the same finds it begun
    exit 0
}

# -- following --------------------------------------------------------------------------------------------------------

sizes() { # the shell reads byte by byte, while the runner writes: the number at both ends tells whether it was one state
    while :; do
        { read -r before total kept piece after <size; } 2>/dev/null || return 1
        [ "$before" != "${after%% *}" ] || return 0
    done
}

find_piece() { # the piece of output that has byte `at`, or the next that is still there: open as 6, ends at `until`
    opened= until= first=
    sizes
    while read -r a b; do
        if [ "$at" -lt "$b" ] && [ -r "out.$a" ]; then
            first=$a until=$b
            break
        fi
    done 2>/dev/null <pieces
    if [ -z "$first" ]; then
        first=$piece
    fi
    [ -r "out.$first" ] || return 1
    exec 6<"out.$first"
    if [ "$at" -lt "$first" ]; then
        say "G $at $first"
        at=$first
    elif [ "$at" -gt "$first" ]; then
        dd bs=$((at - first)) skip=1 count=0 <&6 2>/dev/null
    fi
    opened=1
}

emit() { # the output up to what is on the disk
    while [ "$at" -lt "$kept" ]; do
        if [ -z "$opened" ] || { [ -n "$until" ] && [ "$at" -ge "$until" ]; }; then
            find_piece || return
        fi
        if [ -z "$until" ] && [ "$piece" -gt "$first" ]; then # it is no longer the last piece
            until=$piece
            while read -r a b; do
                [ "$a" != "$first" ] || until=$b
            done <pieces
            [ "$at" -lt "$until" ] || continue
        fi
        n=$((${until:-$kept} - at))
        [ $n -lt 262144 ] || n=262144
        say "O $n"
        dd bs=$n count=1 <&6 2>/dev/null
        at=$((at + n))
    done
}

finish() { # the job ended thus: $1
    if sizes; then emit; else total=$at; fi
    [ "$at" -ge "$total" ] || say "G $at $total"
    if [ -s left ]; then
        while read -r pid _ rest; do say "L $pid $rest"; done <left
    fi
    said=$1
    case $said in *' signal '*) since ;; esac
    leave "X $said $total"
}

since() { # a TERM that was not ours: did the host reboot since? Then nobody can know whether its shutdown sent it
    boot
    was=
    read -r was _ <boot
    [ -z "$was" ] || [ "$was" = "$booted" ] || said="${said%% signal *} rebooted ${said#* signal }"
}

heed() { # follow by the runner's news: nothing to do, on either side, while nothing happens
    while read -r word news; do
        case $word in
        W) sizes && emit ;;
        C) finish "$news" ;;
        N) leave "N $news" ;;
        A) leave "A $risk" ;;
        F) no_unit "$news" ;;
        *) break ;;
        esac
    done
    poll
}

ended() { # is there a result, with all of its output?
    coded || return 1
    [ -e drained ] || { begun && ! lives; }
}

poll() { # follow by looking: for those who came later
    self=$mark turn=0 pause=0.02
    printf '%s\n' "$self" 2>/dev/null >follower
    while :; do
        ! ended || finish "$result"
        sizes && emit
        if [ $((turn % 8)) = 0 ]; then look; fi
        read -r newest 2>/dev/null <follower && [ "$newest" != "$self" ] && exit 0
        turn=$((turn + 1))
        case $turn in 4) pause=0.1 ;; 8) pause=0.25 ;; esac
        [ $((turn % 40)) != 0 ] || say K
        nap $pause
    done 2>/dev/null
}

look() { # does it still run?
    [ -d "$d" ] || leave "U its job directory is gone from the host ($d): somebody removed it"
    boot
    was=
    read -r was _ <boot
    if [ -n "$was" ] && [ "$was" != "$booted" ]; then
        ended && return
        begun || leave 'N the host rebooted before it was started'
        [ "$runner" = never ] || leave 'U the host rebooted while it ran'
    fi
    if ! begun; then
        undecided
    elif [ "$runner" = never ]; then
        leave "N ${detail:-it was never started}"
    elif ! lives; then
        coded || {
            nap 0.1
            coded || leave "U what ran it on the host was killed (process $runner): it may still go on there"
        }
    elif [ -z "$seen" ]; then
        seen=1
        say K # only now it is known to run; what is over tells its end and nothing else
    fi
}

undecided() { # made, not begun: whoever made it is at it right now, or was ended and will never begin it
    if [ "$armed" != 0 ]; then
        sleeper && { [ -e token ] || [ -e due ]; } && leave "A $risk"
        [ ! -e confirmed ] || leave 'N it was confirmed before'
    fi
    waited=$((${waited:-0} + 1))
    [ $waited -ge 4 ] && [ ! -e fired ] || return 0
    if [ "$armed" != 0 ] && [ -e token ] && [ -s sleeper ] && ! sleeper; then
        decide 'never what waited on the host was killed'
    else
        decide 'never it was never started: the link broke, or the conductor ended, as it was sent'
    fi
}

# -- the beginning ----------------------------------------------------------------------------------------------------

opened= greeted= risk= seen= home=$PWD
if ! take; then
    [ -z "$mark" ] || { hello there - && leave 'D what was to be done did not arrive whole'; }
    exit 0
fi
exec </dev/null
making=make
[ "$mode" != attach ] || making=
command -v setsid >/dev/null 2>&1 || {
    hello there -
    leave 'D the host has no setsid (it comes with util-linux and with busybox)'
}
open_job "$making"
case $? in
1)
    hello there -
    leave "U its job directory is gone from the host ($place/$id): somebody removed it, or a reboot did"
    ;;
2)
    hello there -
    leave "D no directory of ours for it on the host: $why (set job_dir under [ssh] in the plan to have it elsewhere)"
    ;;
esac
if [ -z "$new" ]; then
    hello there "$d"
    poll
elif [ "$mode" = start ]; then
    begin
else
    hello there "$d"
    printf '%s\n' "$key" >name 2>/dev/null
    decide 'never it was never started' || poll
    leave 'N it was never started'
fi
