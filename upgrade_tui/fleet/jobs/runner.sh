# Runs one job to its end, detached from whoever started it, in the job's directory. Descriptor 4: its orders, as
# follow.sh writes them; 3: news for whoever follows. With an argument it is a unit of systemd: both are its standard
# input and output, and the session's environment comes behind the orders, for a unit has another.
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
nl='
'

orders() { # false where they end half-way
    IFS= read -r home <&4 && IFS= read -r timeout <&4 && IFS= read -r keep <&4 && IFS= read -r armed <&4 &&
        IFS= read -r guards <&4 && IFS= read -r mark <&4 && IFS= read -r command <&4 || return 1
    lines && given=$text
    [ -n "$whole" ] || return 1
    [ "$1" != unit ] || { lines && session=$text; }
    [ -n "$whole" ]
}

lines() { # up to a line with the mark, into `text`
    text= whole=
    while IFS= read -r line <&4; do
        [ "$line" != "$mark" ] || { whole=1 && return; }
        text=$text$line$nl
    done
}

tell() { printf '%s\n' "$1" >&3; }

never() { # it is not going to start, because of $1
    set -C
    printf 'never %s\n' "$1" >begun
    tell "N $1"
    exit
}

members() { # all that runs in the command's session, and what sudo has put into others, into `found`
    found= sudos=' '
    while :; do
        before=$found
        for s in /proc/[0-9]*/stat; do
            read -r line <"$s" || continue
            set -- ${line##*) }
            s=${s#/proc/} s=${s%/stat}
            [ "${4-}" = "$k" ] || [ "$s" = "$k" ] || case $sudos in *" ${2-} "*) ;; *) continue ;; esac
            case "$1 $found " in Z* | X* | *" $s "*) continue ;; esac
            found="$found $s"
            [ -O /proc/1 ] || [ -O "/proc/$s" ] || sudos="$sudos$s " # what root starts is root's to end
        done
        [ "$sudos" != ' ' ] && [ "$found" != "$before" ] || return # a parent may come after its child
    done
}

remember() { # who is left, for those who read how it ended: pid, when it began, user, name
    for s in $found; do
        read -r line <"/proc/$s/stat" || continue
        named=${line#*\(}
        set -- ${line##*) }
        born=${20}
        set -- $(ls -ld "/proc/$s")
        printf '%s %s %s %s\n' "$s" "$born" "${3:-?}" "${named%)*}"
    done >left
}

strike() { # each once: what it started meanwhile has not been told yet. What sudo started can only be ended by sudo
    foreign=
    for s in $found; do
        case "$asked " in *" $s "*) continue ;; esac
        kill -$how "$s" || [ ! -e "/proc/$s" ] || foreign="$foreign $s"
        kill -CONT "$s"
        asked="$asked $s"
    done
    if [ -n "$foreign" ]; then
        sudo -n kill -$how $foreign 3>&- & # it may take as long as it likes
    fi
}

stop() { # end the command with all it started: politely, after 5 seconds by force. What is left then stays in `found`
    for how in TERM KILL; do
        asked=
        members
        strike
        uptime
        limit=$((${up%%.*} + 6)) n=0
        while [ "${up%%.*}" -lt $limit ]; do
            sleep 0.1 || sleep 1
            n=$((n + 1))
            if ! kill -0 -- "-$k" || [ $((n % 10)) = 0 ]; then # /proc is read only when it may be over
                members
                [ -n "$found" ] || return
                strike
            fi
            uptime
        done
    done
}

uptime() { read -r up _ </proc/uptime; }

await_deadline() { # of a dead-man: whoever moves its token decides; nothing of it needs room on the disk
    while [ -e token ]; do
        uptime
        read -r deadline <deadline || deadline=$((${up%%.*} + 1))
        left=$((${deadline%%.*} - ${up%%.*}))
        if [ $left -gt 0 ]; then
            [ $left -lt 5 ] || left=5
            sleep $left
            continue
        fi
        mv token due || exit # from here on, who confirms or extends waits for what comes of it
        read -r again <deadline
        if [ "$again" = "$deadline" ]; then
            mv due fired && return
        else
            mv due token
        fi
    done
    exit
}

make_way() ( # for a dead-man: what it guards never begins any more, or is ended first: nothing is undone beside it
    [ -n "$guards" ] && cd .. || exit 0
    other=${guards%% *}
    umask 077 && mkdir "$other" && printf '%s\n' "${guards#* }" >"$other/name"
    [ -O "$other" ] && [ ! -h "$other" ] && cd "$other" || exit 0
    set -C
    printf 'never its host undid the step by itself\n' >begun && exit 0
    set +C
    printf 'deadman\n' >asked
    n=0 ended=
    while ! read -r _ _ _ _ _ dot <code || [ "${dot%% *}" != . ]; do
        read -r pid start _ <begun
        if [ -n "$pid" ]; then # else it is being written right now
            read -r line <"/proc/$pid/stat" || exit 0
            set -- ${line##*) }
            case $1 in Z* | X*) exit 0 ;; esac
            [ "${20}" = "$start" ] || exit 0
            [ -n "$ended" ] || kill -TERM "$pid"
            ended=1
        fi
        [ $n -lt 150 ] || exit 0 # what cannot be ended does not keep it from being undone
        n=$((n + 1))
        sleep 0.1 || sleep 1
    done
    n=0
    while still && [ $n -lt 50 ]; do
        [ $n -gt 0 ] || kill -KILL $found || sudo -n kill -KILL $found 3>&- &
        n=$((n + 1))
        sleep 0.1 || sleep 1
    done
)

still() { # does anything live that a timeout could not end? Into `found`
    found=
    while read -r pid start _; do
        read -r line <"/proc/$pid/stat" || continue
        set -- ${line##*) }
        case $1 in Z* | X*) continue ;; esac
        [ "${20}" != "$start" ] || found="$found $pid"
    done <left
    [ -n "$found" ]
}

launch() { # the command, in a session of its own, its output into our standard output; pid and session into `k`
    (
        exec 3>&-
        cd "$home" || cd /
        set -- "$given" "$(printf '%b_' "$command")" "$nl" # no names of ours, which its own variables could change
        while [ -n "$1" ]; do
            set -- "${1#*"$3"}" "$2" "$3" "${1%%"$3"*}"
            set -- "$1" "$2" "$3" "${4%% *}" "$(printf '%b_' "${4#* }")"
            export "$4=${5%_}"
        done
        exec setsid sh -c "${2%_}" </dev/null 2>&1
    ) &
    k=$!
}

runner() { read -r m _ <begun || read -r m _ <sleeper; } # the pid of main, into `m`

watchdog() { # tell main when the time is up; whoever ends this ends the sleep as well
    trap 'kill $!; exit 0' USR2
    [ "$armed" = 0 ] || trap 'kill $!; exit 0' TERM
    exec 3>&-
    [ -n "$timeout" ] || return
    sleep "$timeout" &
    wait $!
    slept=$?
    while [ $slept -gt 128 ]; do
        wait $! # it was interrupted by a signal that is not for it
        slept=$?
    done
    [ $slept = 0 ] && runner && kill -ALRM "$m"
}

claim() { # that we begin it, and nobody else; a dead-man has decided by its token
    [ "$armed" != 0 ] || set -C
    if ! printf '%s %s %s\n' "$me" "$began" "$t0" >begun && [ "$armed" = 0 ]; then
        sleep 0.2
        [ -s begun ] && tell D || tell 'N the disk of the host is full, or its job directory was removed'
        exit
    fi
    set +C
}

main() {
    trap : PIPE HUP INT # who follows may go away; not ignored, since the command would inherit that
    read -r me stat </proc/self/stat
    set -- ${stat##*) }
    began=${20}
    if [ "$armed" != 0 ]; then
        printf '%s %s\n' "$me" "$began" >sleeper
        tell A
        await_deadline
    fi
    got= why=exit how=-
    trap 'got=timeout' ALRM
    trap 'got=ended' TERM
    make_way
    uptime
    t0=$up
    claim
    launch
    exec >/dev/null
    if [ "$armed" != 0 ]; then ( watchdog ) & watch=$!; fi
    result
    [ "$armed" = 0 ] || kill "$watch"
    uptime
    [ -z "$found" ] || remember
    last="$code $why $how $t0 $up"
    printf '%-60s\n' "$last ." 1<>code # room for it was made at the start; without its dot it does not count
    drained
    tell "C $last"
    kill -USR2 $$
}

who_asked() { # us to end it: somebody by us, its dead-man, the shutdown of the host, or somebody else; into `why`
    why=ended
    if [ -e asked ]; then
        read -r by <asked && [ "$by" = deadman ] && why=deadman
        return
    fi
    why=signal
    for n in 1 2 3; do # the end of a session may end whom we ask as well
        case $(timeout 2 systemctl is-system-running) in
        stopping) why=shutdown ;;
        '') sleep 0.1 && continue ;;
        esac
        return
    done
}

result() { # wait for the command, end it if we are told to; its exit code into `code`
    code= found=
    while :; do
        wait "$k"
        status=$?
        [ $status = 127 ] && [ -n "$code" ] || code=$status # 127: it ended as the signal came, and was collected
        [ -n "$got" ] || return
        why=$got got=
        [ $why = timeout ] || who_asked
        trap '' ALRM TERM
        stop
        if [ -n "$found" ]; then # it may never end
            how=left
            return
        fi
    done
}

drained() { # wait for the rest of the output, but not for what the command left running
    quiet=0 n=0 seen=
    while [ ! -e drained ] && [ -e boot ] && [ $quiet -lt 5 ] && [ $n -lt 60 ]; do
        n=$((n + 1))
        [ $n -gt 3 ] || { sleep 0.01 && continue; } # mostly it is a matter of a moment
        sleep 0.05 || sleep 1
        read -r total _ <size # whatever changes there
        if [ "$total" = "$seen" ]; then quiet=$((quiet + 1)); else quiet=0 seen=$total; fi
    done
    printf '' >drained
}

sized() { # a reader that sees the same number at both ends has seen one state
    turn=$((${turn:-0} + 1))
    printf '%-100s\n' "$turn $at $kept $first $turn" 1<>size
}

next_piece() { # begin another piece of output; forget the oldest of those that are neither head nor tail
    printf '%s %s\n' "$first" "$at" >>pieces
    [ "$first" -lt $((keep / 2)) ] || tail="$tail $first"
    first=$at
    set -- $tail
    while [ $# -gt 3 ]; do
        rm -f "out.$1"
        shift
    done
    tail=$*
}

copy() { # the output to disk, in pieces named by where they begin
    trap '' TERM PIPE HUP INT
    at=0 kept=0 first=0 tail= chunks=0 credit=40 piece=$((keep / 8)) block=65536
    [ $piece -ge $block ] || block=$piece
    export LC_ALL=C
    while :; do
        [ $((at - first)) -lt $piece ] || next_piece
        said=$(dd bs=$block count=1 2>&1 >>"out.$first")
        case $said in
        '0+0 records in'*) break ;;
        [01]+[01]' records in'*) ;;
        *)
            lose
            break
            ;;
        esac
        n=${said##*records out}
        n=${n#"$nl"}
        n=${n%% *}
        case $n in
        '' | *[!0-9]*) n=$(($(wc -c <"out.$first") - at + first)) ;; # a dd that does not count bytes
        esac
        at=$((at + n)) kept=$at chunks=$((chunks + 1))
        sized
        if [ $chunks -lt 1500 ]; then tell W; elif [ $chunks = 1500 ]; then tell P; fi # the pipe holds that many
        pace
    done
    sized
    printf '' >drained
    tell W
}

pace() { # a process for each line would cost the host too much; but who writes a lot is not held up
    [ "$n" -lt $((block / 2)) ] || credit=50
    if [ $credit -gt 0 ]; then credit=$((credit - 1)); else sleep 0.1; fi
}

lose() { # the disk is full, or the directory is gone: the command goes on without anybody listening
    chunks=0
    while :; do
        said=$(dd bs=65536 count=1 2>&1 >/dev/null)
        case $said in '0+0 records in'* | '') break ;; esac
        n=${said##*records out}
        n=${n#"$nl"}
        n=${n%% *}
        case $n in '' | *[!0-9]*) n=1 ;; esac
        at=$((at + n)) chunks=$((chunks + 1))
        sized
    done
}

[ "${1-}" != unit ] || exec 3>&1 4<&0
exec </dev/null >/dev/null 2>&1
session=
orders "${1-}" || never 'it was never started: the link broke, or the conductor ended, as it was sent'
exec 4<&-
eval "$session"
trap 'runner && kill -TERM "$m"' TERM
trap : HUP INT PIPE
trap 'exit 0' USR2 # a unit that ends in any other way has failed
main | copy &
all=$!
if [ "$armed" = 0 ] && [ -n "$timeout" ]; then
    watchdog
fi
until wait "$all"; [ $? -lt 128 ]; do :; done
