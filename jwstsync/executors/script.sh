#!/usr/bin/env bash
# Fetches @count@ products of the James Webb Space Telescope from the archive. Written by jwstsync.
#
# Needs bash 3.2, curl 7.52 (or later ones) and the usual POSIX tools. It asks nothing and can be run again and again:
# what is here and whole is skipped, and nothing gets its final name before it is verified. Run it with -h for more.

# shellcheck disable=SC2317,SC2329 # what traps call, and what walk is told to call, is reached
# shellcheck disable=SC2016 # a dollar in a name of the user's is just that

[ -n "${BASH_VERSION:-}" ] || {
    echo "$0: expected to be run with bash" >&2
    exit 2
}
set +o posix
set -u
shopt -s nocasematch # the end of a name tells the format, in capitals or not
export LC_ALL=C      # names and bytes are taken as they are

archive=@archive@
root=@root@
count=@count@
sums=@sums@ # which kinds of checksums the table has

tries=5           # of each product
longest_pause=600 # seconds; who is asked to wait longer had better be run again later
redirects=5
patience=3 # products in a row that the archive did not answer for, before a worker gives up
tab=$'\t'

token=${MAST_API_TOKEN-}
unset MAST_API_TOKEN # from here on curl alone learns it, on its standard input
run='' mine=0 parallel=4 child='' unanswered=0
workers=()

say() {
    printf '%s\n' "$*" >&2
}

stop() { # with this exit code, saying why
    local code=$1
    shift
    say "$0: $*"
    exit "$code"
}

usage() {
    cat <<END_OF_USAGE
usage: $0 [-d DIR] [-j N] [-n] [-h]

Fetches $count products from $archive.

  -d DIR  where they go; default: $root
  -j N    how many at once, 1 to 8; default: 4
  -n      only list what is not here, or not whole
  -h      this text

Products under exclusive access need a token in the environment variable MAST_API_TOKEN.
Exit code: 0 all is here, 1 something failed (run it again), 2 usage, 130 interrupted.
END_OF_USAGE
}

# --- checksums ---------------------------------------------------------------------------------------------------

digest() { # of the standard input, in the tool's own style
    case $1 in
        shasum) exec shasum -a 256 ;;
        openssl-sha256) exec openssl dgst -sha256 ;;
        openssl-md5) exec openssl dgst -md5 ;;
        *) exec "$1" ;;
    esac
}

bare() { # the checksum alone, out of "<sum>  -" or "(stdin)= <sum>"
    sed -e 's/^.*= *//' -e 's/ .*$//'
}

first_good() { # the first of these tools that knows the checksum of nothing
    local expected=$1 tool
    shift
    for tool in "$@"; do
        if [ "$(digest "$tool" 2>/dev/null </dev/null | bare)" = "$expected" ]; then
            printf '%s\n' "$tool"
            return
        fi
    done
}

choose_tools() { # for the kinds of checksums that the table has
    sha256_tool='' md5_tool=''
    case $sums in *sha256*)
        sha256_tool=$(first_good e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \
            sha256sum shasum openssl-sha256)
        [ -n "$sha256_tool" ] || say "sha256: no tool for it here; products are checked by size only"
        ;;
    esac
    case $sums in *md5*)
        md5_tool=$(first_good d41d8cd98f00b204e9800998ecf8427e md5sum md5 openssl-md5)
        [ -n "$md5_tool" ] || say "md5: no tool for it here; products are checked by size only"
        ;;
    esac
}

take_sum() { # of file $1 with tool $2, into found
    if [ -z "$run" ]; then
        found=$(digest "$2" <"$1" | bare)
    else # in the background, so that a signal need not wait for the end of a large file
        digest "$2" <"$1" >"$run/sum.$mine" &
        child=$!
        wait "$child"
        child=''
        found=$(bare <"$run/sum.$mine")
    fi
}

has_sum() { # whether file $1 has the checksum of the table
    local found
    take_sum "$1" "$tool"
    [ "$found" = "$sum" ]
}

# --- what a file is ----------------------------------------------------------------------------------------------

bytes_of() {
    printf '%s\n' $(($(wc -c <"$1")))
}

begins() { # whether file $1 begins with these bytes, in hexadecimal
    [ "$(od -An -v -tx1 -N $((${#2} / 2)) "$1" | tr -d ' \n')" = "$2" ]
}

start_of() { # the first text of file $1, after blanks and byte order marks
    local text
    text=$(dd bs=512 count=1 <"$1" 2>/dev/null | tr -d '\000')
    while :; do
        case $text in
            [[:space:]]* | $'\357'* | $'\273'* | $'\277'*) text=${text#?} ;;
            *) break ;;
        esac
    done
    printf '%s\n' "$text"
}

end_of() { # the last character of file $1 that is no blank
    tr -d ' \t\r\n\000' <"$1" | tail -c 1
}

formed() { # whether file $1, of $2 bytes, is what the product's name says; else says what is wrong in why
    local name=${path##*/}
    why="is not ${name##*.}"
    case $name in
        *.fits)
            begins "$1" 53494d504c4520203d || return
            why="is not whole FITS: $2 bytes are no multiple of 2880"
            [ $(($2 % 2880)) -eq 0 ]
            ;;
        *.jpg | *.jpeg) begins "$1" ffd8ff ;;
        *.png) begins "$1" 89504e470d0a1a0a ;;
        *.gz) begins "$1" 1f8b ;;
        *.json) formed_json "$1" ;;
        *.html | *.htm | *.xml) ;;
        *)
            why="is a web page"
            ! page "$1"
            ;;
    esac
}

formed_json() {
    case $(start_of "$1") in '{'* | '['*) ;; *) return 1 ;; esac
    case $(end_of "$1") in '}' | ']') ;; *) return 1 ;; esac
}

page() {
    case $(start_of "$1") in '<!doctype html'* | '<html'* | '<?xml'* | '<error'*) ;; *) return 1 ;; esac
}

whole() { # whether the product is in its place already
    local bytes expected=$size
    [ -f "$place" ] && bytes=$(bytes_of "$place") && [ "$bytes" -gt 0 ] || return
    if [ -n "$tool" ]; then
        fits_pin "$bytes" && has_sum "$place"
        return
    fi
    # a size that an earlier run found to be right; of an update it is the only sign that the new bytes are here
    if [ -r "$note" ]; then
        read -r expected <"$note"
    elif [ "$mark" != '+' ]; then
        return 1
    fi
    [ "$expected" = - ] || [ "$bytes" = "$expected" ] || return
    formed "$place" "$bytes"
}

fits_pin() { # only the size of locked bytes, those with a SHA-256, is certain
    [ "${#sum}" -ne 64 ] || [ "$1" = "$size" ]
}

sound() { # whether the part is the product; else says in why what it is
    local bytes
    why="is empty"
    [ -s "$part" ] || return
    bytes=$(bytes_of "$part")
    formed "$part" "$bytes" || return
    why="has $bytes bytes; expected $size"
    fits_pin "$bytes" || return
    if [ -n "$tool" ]; then
        why="has another checksum than expected; if that stays so, have this script written anew"
        has_sum "$part"
        return
    fi
    sized "$bytes"
}

sized() { # without a checksum: by the answer's length, by the stated size, or twice the same
    local bytes=$1 encoding first=$before
    encoding=$(header content-encoding)
    why="came encoded ($encoding); expected the file's own bytes"
    case $encoding in '' | identity) ;; *) return 1 ;; esac
    if [ "$bytes" != "$size" ] && [ "$size" != - ] && [ "$bytes" != "$(header content-length)" ]; then
        why="has $bytes bytes; expected $size"
        before=$(cksum <"$part")
        [ "$before" = "$first" ] || return
    fi
    [ "$mark$size" = "+$bytes" ] || printf '%s\n' "$bytes" >"$note"
}

# --- asking the archive ------------------------------------------------------------------------------------------

escaped() { # for a quoted value in a configuration of curl
    printf '%s\n' "$1" | sed 's/[\\"]/\\&/g'
}

origin() { # scheme, host and port of a URL
    local scheme=${1%%://*} rest=${1#*://}
    rest=${rest%%[/?#]*}
    case $scheme in https) rest=${rest%:443} ;; http) rest=${rest%:80} ;; esac
    printf '%s\n' "$scheme://$rest" | tr '[:upper:]' '[:lower:]'
}

configuration() { # for curl: what must not stand among its arguments, where everybody can read it
    printf 'url = "%s"\n' "$url"
    [ -z "$trusted" ] || [ -z "$token" ] || printf 'header = "Authorization: token %s"\n' "$token"
}

request() { # one request for $url into the part; leaves code (of curl), status and target (of the answer)
    : >"$run/head.$mine"
    configuration | curl -q --config - --globoff --silent --show-error --fail --proto "$protocols" \
        --connect-timeout 30 --speed-time 60 --speed-limit 1 --user-agent jwstsync-script "$@" \
        --output "$part" --dump-header "$run/head.$mine" --write-out '%{http_code} %{redirect_url}\n' \
        >"$run/answer.$mine" 2>"$run/error.$mine" &
    child=$!
    wait "$child"
    code=$?
    child=''
    status=000 target=''
    read -r status target <"$run/answer.$mine"
}

ask() { # for $url; goes on in a part only where a checksum will tell whether that was right
    if [ -n "$tool" ] && [ -s "$part" ]; then
        request --continue-at -
        [ "$code" -eq 33 ] || return
        # the answer was no continuation; where it points, if it does, curl tells only when asked for the whole
        mv -f "$part" "$part.kept"
    fi
    rm -f "$part"
    request
    case $status in
        3??) rm -f "$part" && mv -f "$part.kept" "$part" 2>/dev/null ;;
        *) rm -f "$part.kept" ;;
    esac
}

follow() { # asks for the product, and wherever the archive points; the token goes to the archive alone
    local hops=0
    url="$archive/api/v0.1/Download/file?uri=$uri" trusted=yes
    while ask; [ -n "$target" ] && [ "$hops" -lt "$redirects" ]; do
        hops=$((hops + 1))
        url=$(escaped "$target") trusted=''
        [ "$(origin "$url")" != "$home" ] || trusted=yes
    done
}

judge() { # the last answer; leaves verdict (good, wrong, again, never) and why
    verdict=never
    case $code:$status in
        0:2?? | *:416)
            if sound; then verdict=good; else verdict=wrong; fi
            ;;
        *:408 | *:429 | *:5??) verdict=again why="the archive answers $status" ;;
        *:401 | *:403) why="the archive answers $status: $(about_token)" ;;
        *:404 | *:410) why="the archive answers $status: it has no such product" ;;
        *:3??) why="the archive answers $status: it redirects too often, or to nowhere" ;;
        *:4??) why="the archive answers $status" ;;
        # host not found, no connection, broken off, too slow: the trouble may pass
        5:* | 6:* | 7:* | 16:* | 18:* | 28:* | 35:* | 52:* | 55:* | 56:* | 92:* | 95:* | 96:*)
            verdict=again why=$(complaint)
            ;;
        *) why=$(complaint) ;;
    esac
}

about_token() {
    if [ -n "$token" ]; then
        printf 'the token in MAST_API_TOKEN is not good, or gives no right to this product'
    else
        printf 'a token is needed; expected one in MAST_API_TOKEN'
    fi
}

complaint() { # of the last command, in its own words
    head -n 1 "$run/error.$mine"
}

header() { # of the last answer
    awk -v name="$1:" '
        tolower($1) == name { sub(/\r$/, ""); sub(/^[^:]*:[ \t]*/, ""); value = $0 }
        END { print value }
    ' "$run/head.$mine"
}

asked_pause() { # the seconds that Retry-After asks for, as a number or as a date
    { header retry-after && header date; } | awk '
        function seconds(    clock, month, year) {
            split($5, clock, ":")
            month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $3) + 2) / 3
            year = $4
            if (month < 3) { month += 12; year-- }
            return ((365 * year + int(year / 4) - int(year / 100) + int(year / 400) \
                + int((153 * month - 457) / 5) + $2) * 24 + clock[1]) * 3600 + clock[2] * 60 + clock[3]
        }
        NR == 1 { dated = NF > 4; pause = dated ? seconds() : $1 + 0 }
        NR == 2 && dated { pause = NF > 4 ? pause - seconds() : 0 }
        END { if (pause < 0) pause = 0; if (pause > 999999) pause = 999999; printf "%d\n", pause }
    '
}

patient() { # finds the pause before the next try, longer each time; false where it would be too long
    local asked
    asked=$(asked_pause)
    pause=$((2 ** try))
    [ "$asked" -le "$pause" ] || pause=$asked
    [ "$pause" -le "$longest_pause" ] || {
        why="$why and asks to wait $pause s: run this again later"
        return 1
    }
}

obtain() { # the product into the part, with as many tries as make sense
    local try=0 wrongs=0
    pause=2 before=''
    while :; do
        try=$((try + 1))
        follow
        judge
        case $verdict in
            wrong)
                rm -f "$part"
                wrongs=$((wrongs + 1))
                [ "$wrongs" -lt 2 ]
                ;;
            again) [ "$try" -lt "$tries" ] && patient ;;
            *) false ;;
        esac || return 0
        sleep "$pause" &
        child=$!
        wait "$child"
        child=''
    done
}

# --- putting in place --------------------------------------------------------------------------------------------

put() { # gives the part its final name
    local folder=${place%/*}
    why="a folder has its place"
    [ ! -d "$place" ] || return
    # twice renamed: where folders lie on several disks, the first may copy, and the second never does
    if mkdir -p "$folder" && put_aside && mv -f "$part" "$folder/.$key.part" && mv -f "$folder/.$key.part" "$place"; then
        return 0
    fi 2>"$run/error.$mine"
    why="not put in place: $(complaint)"
    return 1
}

put_aside() { # what stands in the way of new bytes is kept, unless it is an older version that nobody wants
    local aside=$trash/$path
    [ -e "$place" ] && [ "$old" != - ] || return 0
    if [ "$old" != trash ] && is_version; then
        aside=$root/.jwstsync/$old/$path
        rm -f "$aside" # of another run: the same bytes, if it is whole
    fi
    mkdir -p "${aside%/*}" || return
    ln "$place" "$aside" 2>/dev/null || cp -p "$place" "$aside"
}

is_version() { # whether what stands there is the version that its folder is named after
    local found
    [ -n "$sha256_tool" ] || return
    take_sum "$place" "$sha256_tool"
    [ "${found:0:8}" = "${old##*-}" ]
}

# --- the table, line by line -------------------------------------------------------------------------------------

prepare() {
    place=$root/$path note=$notes/$key tool=''
    case ${#sum} in 64) tool=$sha256_tool ;; 32) tool=$md5_tool ;; esac
    part=$run/$key.new
    [ -z "$tool" ] || part=$run/$key.part # such parts outlive the run
}

note_outcome() {
    printf '%s\t%s\n' "$1" "$2" >>"$run/outcome.$mine"
    [ "$1" = skipped ] || say "$1: $2"
}

settle() { # one product; false where the rest had better be left
    alone && return 1
    if whole; then
        note_outcome skipped "$path"
        return
    fi
    [ -z "$tool" ] || mv "$stash/$key.part" "$part" 2>/dev/null
    obtain
    alone && return 1
    if [ "$verdict" = good ] && put; then
        note_outcome 'done' "$path"
        unanswered=0
        return
    fi
    note_outcome failed "$path: $why"
    if [ -n "$tool" ]; then mv -f "$part" "$stash/" 2>/dev/null; else rm -f "$part"; fi
    if [ "$verdict" = again ]; then unanswered=$((unanswered + 1)); else unanswered=0; fi
    [ "$unanswered" -lt "$patience" ] || {
        say "$archive: it does not answer; products are left for another run"
        return 1
    }
}

alone() { # whether the script was killed, and this worker is left of it
    ! kill -0 "$$" 2>/dev/null
}

list() {
    whole || printf '%s\n' "$path"
}

work() { # as worker number $1
    mine=$1
    trap stop_worker TERM
    : >"$run/outcome.$mine"
    walk settle
}

stop_worker() {
    if [ -n "$child" ]; then
        kill "$child"
        wait "$child"
    fi 2>/dev/null
    exit 143
}

# --- the run -----------------------------------------------------------------------------------------------------

lives() { # whether the run in folder $1 is at work: 0 yes, 1 no, 2 perhaps, on another host
    local host process
    # who has written nothing for a day is gone, whoever has its process number now
    [ -n "$(find "$1" -mtime -1 2>/dev/null)" ] || return 1
    [ -r "$1/owners" ] || return 2
    while read -r host process; do
        [ "$host" = "$(uname -n)" ] || return 2
        [ "$process" != "$$" ] || continue
        kill -0 "$process" 2>/dev/null && ! dead "$process" && return 0
    done <"$1/owners"
    return 1
}

dead() { # whether a process that was killed is still counted: a container may have nobody who clears it away
    case $(cat "/proc/$1/stat" 2>/dev/null) in *') Z '*) ;; *) return 1 ;; esac
}

salvage() { # from the folder of a run: parts that can be gone on with
    mv -f "$1"/*.part "$stash/" 2>/dev/null
    rm -rf "${1:?}"
}

enter() { # makes a folder for this run, and takes over from those that were killed
    local state=$root/.jwstsync/script folder
    stash=$state/parts notes=$state/sizes trash=$root/.jwstsync/trash/$(date -u +%Y%m%dT%H%M%S)
    mkdir -p "$stash" "$notes" || stop 1 "$root: expected a folder that can be written"
    for folder in "$state"/run.*; do
        [ -d "$folder" ] || continue
        lives "$folder"
        case $? in
            0) stop 1 "$root: another run is at work on it" ;;
            1) salvage "$folder" ;;
        esac
    done
    find "$stash" -type f -mtime +30 -exec rm -f {} + # of products that nobody came back for
    run=$state/run.$$.$RANDOM
    mkdir "$run" || stop 1 "$run: expected to be free"
    trap leave EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    own "$$"
}

own() {
    printf '%s %s\n' "$(uname -n)" "$1" >>"$run/owners"
}

leave() {
    salvage "$run"
    rmdir "$stash" "$notes" "${stash%/*}" 2>/dev/null
}

interrupted() {
    trap '' INT TERM HUP
    kill ${workers[@]+"${workers[@]}"} 2>/dev/null
    wait
    summary
    say "interrupted; run this again to go on"
    exit "$1"
}

outcomes() { # how many there are of this kind
    cat "$run"/outcome.* 2>/dev/null | grep -c "^$1$tab"
}

summary() { # false unless all is here
    local fetched skipped failed
    fetched=$(outcomes 'done') skipped=$(outcomes skipped) failed=$(outcomes failed)
    cat "$run"/outcome.* 2>/dev/null | sed -n "s/^failed$tab/failed: /p" >&2
    say "done $fetched, skipped $skipped, failed $failed, not tried $((count - fetched - skipped - failed))"
    [ $((fetched + skipped)) -eq "$count" ]
}

options() {
    local option
    while getopts ':d:j:nh' option; do
        case $option in
            d) root=$OPTARG ;;
            j) parallel=$OPTARG ;;
            n) listing=yes ;;
            h)
                usage
                exit 0
                ;;
            :) stop 2 "-$OPTARG: expected a value; -h tells more" ;;
            *) stop 2 "-$OPTARG: expected -d, -j, -n or -h" ;;
        esac
    done
    shift $((OPTIND - 1))
    [ $# -eq 0 ] || stop 2 "$1: expected no arguments; -h tells more"
    [ -n "$root" ] || stop 2 "-d: expected a folder"
    case $parallel in [1-8]) ;; *) stop 2 "-j $parallel: expected a number from 1 to 8" ;; esac
    case $root in /*) ;; *) root=./$root ;; esac # so that no name begins with a dash
}

main() {
    local listing='' number
    options "$@"
    choose_tools
    if [ -n "$listing" ]; then
        notes=$root/.jwstsync/script/sizes parallel=1
        walk list
        exit 0
    fi
    command -v curl >/dev/null || stop 2 "curl: expected to be installed"
    case $token in *[[:cntrl:]]*) stop 2 "MAST_API_TOKEN: expected one line without control characters" ;; esac
    token=$(escaped "$token") home=$(origin "$archive")
    case $archive in https:*) protocols='=https' ;; *) protocols='=http,https' ;; esac
    enter
    for ((number = 0; number < parallel; number++)); do
        work "$number" &
        workers+=("$!")
        own "$!"
    done
    wait
    summary
    exit # here, lest bash reads on in a file that was written anew meanwhile
}

walk() { # calls $1 for every line that falls to this worker, until it is false
    local number=0
    while IFS=$tab read -r mark old size sum key uri path <&3; do
        number=$((number + 1))
        [ $((number % parallel)) -eq "$mine" ] || continue
        prepare
        "$1" || break
    done 3<<'END_OF_TABLE'
@table@
END_OF_TABLE
}

main "$@"
