# Runs one job to its end, detached from whoever started it. Arguments: directory, /proc, timeout, bytes of output to
# keep, number of secrets, 0 (else: wait for the deadline of a dead-man), exports, command (the last two are read from
# files where systemd starts this). Descriptor 3: news for whoever follows; 4: the secrets.
d=$1 proc=$2 timeout=$3 keep=$4 secrets=$5 armed=$6 prelude=${7-} command=${8-}
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
nl='
'

tell() { printf '%s\n' "$1" >&3; }

never() { # it is not going to start, because of $1
    set -C
    printf 'never %s\n' "$1" >"$d/begun"
    tell "N $1"
    exit
}

members() { # all that runs in the command's session, into `found`
    found=
    for s in /proc/[0-9]*/stat; do
        read -r line <"$s" || continue
        set -- ${line##*) }
        s=${s#/proc/} s=${s%/stat}
        [ "${4-}" = "$k" ] || [ "$s" = "$k" ] || continue
        case $1 in Z | X) continue ;; esac
        found="$found $s"
    done
}

strike() { # each once: what it started meanwhile has not been told yet
    for s in $found; do
        case "$asked " in *" $s "*) continue ;; esac
        kill -$how "$s"
        kill -CONT "$s"
        asked="$asked $s"
    done
}

stop() { # end the command with all it started: politely, after 5 seconds by force
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
    while [ -e "$d/token" ]; do
        uptime
        read -r deadline <"$d/deadline" || deadline=$((${up%%.*} + 1))
        left=$((${deadline%%.*} - ${up%%.*}))
        if [ $left -gt 0 ]; then
            [ $left -lt 5 ] || left=5
            sleep $left
            continue
        fi
        mv "$d/token" "$d/due" || exit # from here on, who confirms or extends waits for what comes of it
        read -r again <"$d/deadline"
        if [ "$again" = "$deadline" ]; then
            mv "$d/due" "$d/fired" && return
        else
            mv "$d/due" "$d/token"
        fi
    done
    exit
}

launch() { # the command, in a session of its own, its output into our standard output; pid and session into `k`
    (
        exec 3>&- 4<&-
        while [ -n "$given" ]; do
            line=${given%%"$nl"*} given=${given#*"$nl"}
            value=$(printf '%b_' "${line#* }")
            export "${line%% *}=${value%_}"
        done
        eval "$prelude"
        exec setsid sh -c "$command" </dev/null 2>&1
    ) &
    k=$!
}

runner() { read -r m _ <"$d/begun" || read -r m _ <"$d/sleeper"; } # the pid of main, into `m`

watchdog() { # tell main when the time is up; whoever ends this ends the sleep as well
    trap 'kill $!; exit' USR2
    [ "$armed" = 0 ] || trap 'kill $!; exit' TERM
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
    if ! printf '%s %s %s\n' "$me" "$began" "$t0" >"$d/begun" && [ "$armed" = 0 ]; then
        sleep 0.2
        [ -s "$d/begun" ] && tell D || tell 'N the disk of the host is full, or its job directory was removed'
        exit
    fi
    set +C
}

main() {
    trap : PIPE HUP INT # who follows may go away; not ignored, since the command would inherit that
    read -r me stat </proc/self/stat
    set -- ${stat##*) }
    began=${20}
    given= n=0
    if [ -n "$fifo" ]; then { sleep 30; [ -s "$d/begun" ] || kill "$me"; } & fi # nobody is left to send them
    while [ $n -lt "$secrets" ]; do
        IFS= read -r line <&4 || never 'the link broke before its secrets arrived'
        given=$given$line$nl n=$((n + 1))
    done
    exec 4<&-
    if [ "$armed" != 0 ]; then
        printf '%s %s\n' "$me" "$began" >"$d/sleeper"
        tell A
        await_deadline
    fi
    got= why=exit how=-
    trap 'got=timeout' ALRM
    trap 'got=ended' TERM
    uptime
    t0=$up
    claim
    launch
    exec >/dev/null
    if [ "$armed" != 0 ]; then ( watchdog ) & watch=$!; fi
    result
    [ "$armed" = 0 ] || kill "$watch"
    uptime
    last="$code $why $how $t0 $up"
    printf '%-60s\n' "$last ." 1<>"$d/code" # room for it was made at the start; without its dot it does not count
    drained
    tell "C $last"
    kill -USR2 $$
}

result() { # wait for the command, end it if we are told to; its exit code into `code`
    code=
    while :; do
        wait "$k"
        status=$?
        [ $status = 127 ] && [ -n "$code" ] || code=$status # 127: it ended as the signal came, and was collected
        [ -n "$got" ] || return
        why=$got got=
        trap '' ALRM TERM
        stop
    done
}

drained() { # wait for the rest of the output, but not for what the command left running
    quiet=0 n=0 seen=
    while [ ! -e "$d/drained" ] && [ -d "$d" ] && [ $quiet -lt 5 ] && [ $n -lt 60 ]; do
        n=$((n + 1))
        [ $n -gt 3 ] || { sleep 0.01 && continue; } # mostly it is a matter of a moment
        sleep 0.05 || sleep 1
        read -r total _ <"$d/size" # whatever changes there
        if [ "$total" = "$seen" ]; then quiet=$((quiet + 1)); else quiet=0 seen=$total; fi
    done
    printf '' >"$d/drained"
}

sized() { # a reader that sees the same number at both ends has seen one state
    turn=$((${turn:-0} + 1))
    printf '%-100s\n' "$turn $at $kept $first $turn" 1<>"$d/size"
}

next_piece() { # begin another piece of output; forget the oldest of those that are neither head nor tail
    printf '%s %s\n' "$first" "$at" >>"$d/pieces"
    [ "$first" -lt $((keep / 2)) ] || tail="$tail $first"
    first=$at
    set -- $tail
    while [ $# -gt 3 ]; do
        rm -f "$d/out.$1"
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
        said=$(dd bs=$block count=1 2>&1 >>"$d/out.$first")
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
        '' | *[!0-9]*) n=$(($(wc -c <"$d/out.$first") - at + first)) ;; # a dd that does not count bytes
        esac
        at=$((at + n)) kept=$at chunks=$((chunks + 1))
        sized
        if [ $chunks -lt 1500 ]; then tell W; elif [ $chunks = 1500 ]; then tell P; fi # the pipe holds that many
        pace
    done
    sized
    printf '' >"$d/drained"
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

fifo=
if [ $# -lt 7 ]; then
    exec 3>/dev/null
    [ "$secrets" = 0 ] || { exec 4<>"$d/in" && fifo=1; }
    prelude=$(cat "$d/exports"; echo _) command=$(cat "$d/command"; echo _)
    prelude=${prelude%_} command=${command%_}
fi
exec </dev/null >/dev/null 2>&1
trap 'runner && kill -TERM "$m"' TERM
trap : HUP INT PIPE
trap exit USR2
main | { exec 4<&-; copy; } &
all=$!
exec 4<&-
if [ "$armed" = 0 ] && [ -n "$timeout" ]; then
    watchdog
fi
until wait "$all"; [ $? -lt 128 ]; do :; done
