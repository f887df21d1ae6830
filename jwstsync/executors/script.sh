#!/usr/bin/env bash
# Fetches @count@ products of the James Webb Space Telescope from the archive. Written by jwstsync.
#
# Needs bash 3.2, curl 7.52 (or later ones) and the usual POSIX tools. It asks nothing and can be run again and again:
# what is here and whole is skipped, and nothing gets its final name before it is verified. Run it with -h for more.
# Where nothing has proven yet that the archive's MD5s are of its bytes, bytes of the right size and format that come
# twice the same are taken without, unless one product of the run has its MD5; that is said at the end.

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
lockfile=@lockfile@ # a name for the one that this was written for
stranger=@stranger@ # whether the archive is none of MAST's hosts, and nobody has said that it may see the token
proven=@proven@ # whether the archive's MD5s are known to be of the bytes that it serves
sums=@sums@ # which kinds of checksums the table has

most_tries=5      # of each product
longest_pause=600 # seconds; who is asked to wait longer had better be run again later
redirects=5
patience=3 # products in a row that the archive did not answer for, before a worker gives up
tab=$'\t' newline=$'\n' blanks=$' \t\r\n'
another_checksum="has another checksum than expected; if that stays so, have this script written anew"
an_error="is an error of the archive's"

token=${MAST_API_TOKEN-}
unset MAST_API_TOKEN # from here on curl alone learns it, on its standard input
run='' trash='' mine=0 parallel=4 child='' unanswered=0
workers=()

say() { # what servers and their curl say, too: nothing in it must move a terminal's cursor
    local text=$*
    printf '%s\n' "${text//[[:cntrl:]]/?}" >&2
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

# --- a batch -----------------------------------------------------------------------------------------------------
#
# The table's lines come in batches, and a worker takes a batch at a time: one call of curl fetches all of it over one
# connection, one of a checksum tool checks it. Arrays hold what is known of each product, by its number in the batch.

rows=()     # of the table
missing=()  # the numbers of those that are not in their places
queue=()    # the numbers of those that are still to be asked for
answered=() # the numbers of those that were just asked for
good=()     # 'yes' where the bytes are the product's
urls=() trusts=() hops=()              # where to ask next, whether that may see the token, redirects so far
goes=()                                # 'yes' where it was asked to go on in the part
codes=() statuses=() targets=()        # of the last answer: curl's exit code, HTTP's, where it points
etags=() anew=()                       # what a part is gone on with; 'yes' where it can not be
tries=() wrongs=() firsts=() reasons=() # so far
lengths=() others=()                    # of the last bytes: how many, and their checksum where it is not the expected one

load() { # product $1 of the batch
    local IFS=$tab
    # shellcheck disable=SC2086 # to be split: no column is empty, and there are no globs (set -f)
    set -- ${rows[$1]}
    mark=$2 old=$3 size=$4 sum=$5 key=$6 uri=$7 path=$8
    place=$root/$path note=$notes/$key part=$run/$key.part tool=''
    case ${#sum} in 64) tool=$sha256_tool ;; 32) tool=$md5_tool ;; esac
}

# --- checksums ---------------------------------------------------------------------------------------------------

digest() { # of the standard input, or of files $2..., in the tool's own style
    local tool=$1
    shift
    case $tool in
        shasum) exec shasum -a 256 "$@" ;;
        openssl-sha256) exec openssl dgst -sha256 "$@" ;;
        openssl-md5) exec openssl dgst -md5 "$@" ;;
        *) exec "$tool" "$@" ;;
    esac
}

bare() { # into found: the checksum alone, from what tool $1 says: "<sum>  name", "\<sum>  name" or "KIND(name)= <sum>"
    case $1 in
        openssl-* | md5) found=${2##*= } ;;
        *)
            found=${2#\\}
            found=${found%% *}
            ;;
    esac
}

first_good() { # the first of these tools that knows the checksum of nothing
    local expected=$1 tool found
    shift
    for tool in "$@"; do
        bare "$tool" "$(digest "$tool" 2>/dev/null </dev/null)"
        if [ "$found" = "$expected" ]; then
            printf '%s\n' "$tool"
            return
        fi
    done
}

choose_tools() { # for the kinds of checksums that the table has
    local lacking=''
    sha256_tool='' md5_tool=''
    case $sums in *sha256*)
        sha256_tool=$(first_good e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \
            sha256sum shasum openssl-sha256)
        [ -n "$sha256_tool" ] || lacking=sha256
        ;;
    esac
    case $sums in *md5*)
        md5_tool=$(first_good d41d8cd98f00b204e9800998ecf8427e md5sum md5 openssl-md5)
        [ -n "$md5_tool" ] || lacking=${lacking:+$lacking and }md5
        ;;
    esac
    [ -z "$lacking" ] || say "$lacking: no tool for it here; such products are checked by size and format only"
}

add_up() { # the checksums of files $2... with tool $1, in their order, into founds; '' for what can not be read
    local tool=$1 file all=()
    shift
    if [ -z "$run" ]; then
        take_sums < <(digest "$tool" "$@" 2>/dev/null)
    else # in the background, so that a signal need not wait for the end of a large file
        digest "$tool" "$@" >"$run/sums.$mine" 2>/dev/null &
        child=$!
        wait "$child"
        child=''
        take_sums <"$run/sums.$mine"
    fi
    [ ${#founds[@]} -ne $# ] || return
    founds=('')
    [ $# -ne 1 ] || return
    for file in "$@"; do
        add_up "$tool" "$file"
        all+=("${founds[0]}")
    done
    founds=("${all[@]}")
}

take_sums() { # out of what the tool says, into founds
    local line found
    founds=()
    while IFS= read -r line; do
        bare "$tool" "$line"
        founds+=("$found")
    done
}

check_sums() { # of products $2..., of which $1 (place, part) is looked at: good is '' where it has another
    local which=$1 tool_now number k files numbers founds=()
    shift
    for tool_now in "$sha256_tool" "$md5_tool"; do
        [ -n "$tool_now" ] || continue
        files=() numbers=()
        for number in "$@"; do
            load "$number"
            [ "$tool" != "$tool_now" ] || { files+=("${!which}") && numbers+=("$number"); }
        done
        [ ${#files[@]} -gt 0 ] || continue
        add_up "$tool_now" "${files[@]}"
        for ((k = 0; k < ${#numbers[@]}; k++)); do
            load "${numbers[k]}"
            if [ "${founds[k]}" != "$sum" ]; then
                good[numbers[k]]='' others[numbers[k]]=${founds[k]}
            elif [ "$tool_now" = "$md5_tool" ] && [ -z "$proven" ]; then
                proven=yes
                [ -z "$run" ] || : >"$run/proven" # for the other workers
            fi
        done
    done
}

# --- what a file is ----------------------------------------------------------------------------------------------

weigh() { # the bytes of files $@, in their order, into weights; -1 for what can not be read
    local line lines file
    lines=$(wc -c "$@" 2>/dev/null)
    weights=()
    local IFS=$newline
    for line in $lines; do
        line=${line#"${line%%[! ]*}"}
        weights+=("${line%% *}")
    done
    [ ${#weights[@]} -ne $(($# + ($# > 1))) ] || return # and their sum, where there are several
    weights=()
    for file in "$@"; do
        weights+=("$(($(wc -c <"$file" 2>/dev/null || printf '%s' -1)))")
    done
}

begins() { # whether file $1 begins with these bytes
    local start
    IFS= read -r -d '' -n "${#2}" start <"$1"
    [ "$start" = "$2" ]
}

start_of() { # the first text of file $1, after blanks and byte order marks, into start
    IFS= read -r -d '' -n 512 start <"$1"
    while :; do
        case $start in
            [$' \t\r\n\357\273\277']*) start=${start#?} ;;
            *) break ;;
        esac
    done
}

end_of() { # the last character of file $1 that is no blank
    tr -d ' \t\r\n\000' <"$1" | tail -c 1
}

formed() { # whether file $1, of $2 bytes, is what the product's name says; else says what is wrong in why
    local name=${path##*/} start
    why="is empty"
    [ "$2" -gt 0 ] || return
    why="is not ${name##*.}"
    case $name in
        *.fits)
            begins "$1" 'SIMPLE  =' || return
            why="is not whole FITS: $2 bytes are no multiple of 2880"
            [ $(($2 % 2880)) -eq 0 ]
            ;;
        *.jpg | *.jpeg) begins "$1" $'\377\330\377' ;;
        *.png) begins "$1" $'\211PNG\r\n\032\n' ;;
        *.gz) begins "$1" $'\037\213' ;;
        *.ecsv) begins "$1" '# %ECSV' ;;
        *.json) formed_json "$1" ;;
        *.html | *.htm | *.xml) ;;
        *)
            start_of "$1"
            why=$an_error
            ! error "$start" || return
            why="is a web page"
            ! page "$start"
            ;;
    esac
}

formed_json() {
    start_of "$1"
    case $start in '{'* | '['*) ;; *) return 1 ;; esac
    case $(end_of "$1") in '}' | ']') ;; *) return 1 ;; esac
    why=$an_error
    case $name in
        *_asn.json)
            why="is no association: it has no products"
            grep -q '"products"[[:space:]]*:' "$1"
            ;;
        *) ! error "$start" || grep -q '"products"[[:space:]]*:' "$1" ;;
    esac
}

page() { # whether the file that starts with $1 is one
    case $1 in '<'[a-z!?]*) ;; *) return 1 ;; esac
}

error() { # whether the file that starts with $1 is what MAST answers to a bad query, with status 200 or another one
    case ${1//[$blanks]/} in '{"status":"error"'*) ;; *) return 1 ;; esac
}

find_missing() { # the products of the batch that are not in their places, or not whole
    local number k places=() there=() summed=()
    missing=() good=()
    for ((number = 0; number < ${#rows[@]}; number++)); do
        load "$number"
        good[number]=''
        [ ! -f "$place" ] || [ ! -s "$place" ] || { places+=("$place") && there+=("$number"); }
    done
    [ ${#there[@]} -eq 0 ] || weigh "${places[@]}"
    for ((k = 0; k < ${#there[@]}; k++)); do
        load "${there[k]}"
        seems_whole "${weights[k]}" || continue
        good[there[k]]=yes
        [ -z "$tool" ] || unconfirmed || summed+=("${there[k]}")
    done
    [ ${#summed[@]} -eq 0 ] || check_sums place "${summed[@]}"
    for ((number = 0; number < ${#rows[@]}; number++)); do
        [ -n "${good[number]}" ] || missing+=("$number")
    done
}

seems_whole() { # whether the product, of $1 bytes, is in its place as far as can be told without its checksum
    local expected=$size why
    if [ -n "$tool" ] && ! unconfirmed; then
        fits_pin "$1"
        return
    fi
    # a size that an earlier run found to be right; of an update it is the only sign that the new bytes are here
    if [ -r "$note" ]; then
        read -r expected _ <"$note"
    elif [ "$mark" != '+' ]; then
        return 1
    fi
    [ "$expected" = - ] || [ "$1" = "$expected" ] || return
    formed "$place" "$1"
}

unconfirmed() { # whether an earlier run took the product's bytes though they have not the MD5 that is stated
    local word=''
    [ "${#sum}" -eq 32 ] && [ -r "$note" ] && read -r _ word <"$note" && [ "$word" = unconfirmed ]
}

fits_pin() { # only the size of locked bytes, those with a SHA-256, is certain
    [ "${#sum}" -ne 64 ] || [ "$1" = "$size" ]
}

inspect() { # the parts of products $@: good is 'yes' where a part is the product, else reasons says what it is
    local number k=0 why parts=() summed=()
    for number in "$@"; do
        load "$number"
        [ -e "$part" ] || : >"$part"
        parts+=("$part")
    done
    weigh "${parts[@]}"
    for number in "$@"; do
        load "$number"
        good[number]='' why='' others[number]='' lengths[number]=${weights[k]}
        sound "${weights[k]}" && good[number]=yes
        reasons[number]=$why
        [ -z "$tool" ] || [ -z "${good[number]}" ] || summed+=("$number")
        k=$((k + 1))
    done
    [ ${#summed[@]} -eq 0 ] || check_sums part "${summed[@]}"
}

sound() { # whether the part, of $1 bytes, is the product; of its checksum it says only what would be said of it
    formed "$part" "$1" || return
    why="has $1 bytes; expected $size"
    fits_pin "$1" || return
    if [ -n "$tool" ]; then
        why=$another_checksum
        return
    fi
    sized "$1"
}

sized() { # without a checksum: by the answer's length, by the stated size, or twice the same
    local bytes=$1 value first=${firsts[number]}
    header content-encoding
    why="came encoded ($value); expected the file's own bytes"
    case $value in '' | identity) ;; *) return 1 ;; esac
    full_length
    if [ "$bytes" != "$size" ] && [ "$size" != - ] && [ "$bytes" != "$value" ]; then
        why="has $bytes bytes; expected $size"
        firsts[number]=$(cksum <"$part")
        [ "${firsts[number]}" = "$first" ] || return
    fi
    [ "$mark$size" = "+$bytes" ] || printf '%s\n' "$bytes" >"$note"
}

full_length() { # of the product, as the last answer has it, into value
    header content-range
    case $value in
        */*) value=${value##*/} ;;
        *) header content-length ;;
    esac
}

# --- asking the archive ------------------------------------------------------------------------------------------

escape() { # into escaped, for a quoted value in a configuration of curl
    escaped=$1
    case $1 in *[\\\"]*) escaped=$(printf '%s\n' "$1" | sed 's/[\\"]/\\&/g') ;; esac
}

find_origin() { # into origin: scheme, host and port of a URL
    local scheme=${1%%://*} rest=${1#*://}
    rest=${rest%%[/?#]*}
    case $scheme in https) rest=${rest%:443} ;; http) rest=${rest%:80} ;; esac
    origin=$scheme://$rest
}

configuration() { # for curl; the token must not stand among its arguments, where everybody can read it
    local number next='' escaped
    for number in "${queue[@]}"; do
        load "$number"
        printf '%surl = "%s"\noutput = "%s.part"\ndump-header = "%s.head"\n' "$next" "${urls[number]}" "$key" "$key"
        next='next
'
        printf 'globoff\nsilent\nshow-error\nfail\nproto = "%s"\nuser-agent = "jwstsync-script"\n' "$protocols"
        printf 'connect-timeout = 30\nspeed-time = 60\nspeed-limit = 1\n'
        printf 'write-out = "%%{http_code} %%{redirect_url}\\n"\n'
        [ -z "${trusts[number]}" ] || [ -z "$token" ] || printf 'header = "Authorization: token %s"\n' "$token"
        [ -n "${goes[number]}" ] || continue
        printf 'continue-at = "-"\n'
        [ -z "$tool" ] || continue
        escape "${etags[number]}"
        printf 'header = "If-Range: %s"\n' "$escaped"
    done
}

goes_on() { # in a part: only where a checksum or the archive will tell whether that was right
    [ -z "${anew[number]}" ] && [ -s "$part" ] && [ -n "$tool${etags[number]}" ]
}

ask() { # for the queue, until something fails; leaves codes, statuses and targets of what is answered
    local number status target code k=0 old_parts=()
    for number in "${queue[@]}"; do
        load "$number"
        : >"$run/$key.head"
        goes[number]=''
        if goes_on; then goes[number]=yes; elif [ -e "$part" ]; then old_parts+=("$part"); fi
    done
    [ ${#old_parts[@]} -eq 0 ] || rm -f "${old_parts[@]}"
    configuration | {
        cd "$run" || exit
        exec curl -q --fail-early --config -
    } >"$run/answers.$mine" 2>"$run/error.$mine" &
    child=$!
    wait "$child"
    code=$?
    child='' answered=()
    while read -r status target; do
        target=${target%$'\r'} # of a curl for Windows
        number=${queue[k]} k=$((k + 1))
        answered+=("$number")
        codes[number]=0 statuses[number]=$status targets[number]=$target
    done <"$run/answers.$mine"
    [ ${#answered[@]} -gt 0 ] || { # it did not come so far
        answered=("${queue[0]}")
        statuses[queue[0]]=000 targets[queue[0]]=''
        [ "$code" -ne 0 ] || code=2
    }
    k=$((${#answered[@]} - 1))
    codes[answered[k]]=$code # one that failed is the last
    queue=(${queue[@]+"${queue[@]:${#answered[@]}}"})
}

follow() { # whether the answer to product $1 is only where to ask again, or that it is to be asked for as a whole
    local escaped origin
    load "$1"
    if [ "${codes[$1]}" -eq 33 ]; then # no continuation; where it points, if it does, curl tells only of the whole
        mv -f "$part" "$part.kept"
        anew[$1]=yes
        return
    fi
    case ${anew[$1]}${statuses[$1]} in
        yes3??) mv -f "$part.kept" "$part" && anew[$1]='' ;;
        yes*) rm -f "$part.kept" ;;
        3??) [ -n "${goes[$1]}" ] || rm -f "$part" ;; # it may have a page
    esac
    [ -n "${targets[$1]}" ] && [ "${hops[$1]}" -lt "$redirects" ] || return
    hops[$1]=$((hops[$1] + 1))
    escape "${targets[$1]}"
    find_origin "${targets[$1]}"
    urls[$1]=$escaped trusts[$1]=''
    case $origin in "$home") trusts[$1]=yes ;; esac # in capitals or not
}

judge() { # the last answer, which was not the product; leaves verdict (again, never) and why
    verdict=never
    case ${codes[number]}:${statuses[number]} in
        *:408 | *:429 | *:5??) verdict=again why="the archive answers ${statuses[number]}" ;;
        *:401 | *:403) why="the archive answers ${statuses[number]}: $(about_token)" ;;
        *:404 | *:410) why="the archive answers ${statuses[number]}: it has no such product" ;;
        *:3??) why="the archive answers ${statuses[number]}: it redirects too often, or to nowhere" ;;
        *:4??) why="the archive answers ${statuses[number]}" ;;
        # host not found, no connection, broken off, too slow: the trouble may pass
        5:* | 6:* | 7:* | 16:* | 18:* | 28:* | 35:* | 52:* | 55:* | 56:* | 92:* | 95:* | 96:*)
            verdict=again why=$(complaint)
            note_etag
            ;;
        *) why=$(complaint) ;;
    esac
}

note_etag() { # of what broke off: by it the archive will tell whether it goes on with the same bytes
    local value
    [ -z "$tool" ] && [ -s "$part" ] && [ "${statuses[number]}" = 200 ] || return
    header etag
    etags[number]=''
    is_strong "$value" || return
    etags[number]=$value
    printf '%s\n' "$value" >"$run/$key.etag"
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

header() { # of the last answer to the product, into value
    local line
    value=''
    [ ! -r "$run/$key.head" ] || while IFS= read -r line; do
        line=${line%$'\r'}
        case $line in
            HTTP/*) value='' ;;
            "$1":*) value=${line#*:} value=${value#"${value%%[! ]*}"} ;;
        esac
    done <"$run/$key.head"
}

asked_pause() { # the seconds that Retry-After asks for, as a number or as a date
    local value after
    header retry-after
    after=$value
    header date
    printf '%s\n%s\n' "$after" "$value" | awk '
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
    local asked own=$((2 ** tries[number]))
    asked=$(asked_pause)
    [ "$asked" -gt "$own" ] || asked=$own
    [ "$asked" -le "$longest_pause" ] || {
        why="$why and asks to wait $asked s: run this again later"
        return 1
    }
    [ "$asked" -le "$pause" ] || pause=$asked
}

rest() { # for so many seconds
    sleep "$1" &
    child=$!
    wait "$child"
    child=''
}

# --- putting in place --------------------------------------------------------------------------------------------

put() { # gives the part its final name
    local folder=${place%/*}
    why="a folder has its place"
    [ ! -d "$place" ] || return
    if { [ -d "$folder" ] || mkdir -p "$folder"; } && name_it; then
        return 0
    fi 2>"$run/error.$mine"
    why="not put in place: $(complaint)"
    return 1
}

name_it() { # a second name for the part never takes anybody's place; where something stands, or links are unknown:
    if [ ! -e "$place" ] && [ ! -L "$place" ] && ln "$part" "$place" 2>/dev/null; then
        spent+=("$part")
        return
    fi
    # twice renamed: where folders lie on several disks, the first may copy, and the second never does
    put_aside && mv -f "$part" "$folder/.$key.part" && mv -f "$folder/.$key.part" "$place"
}

put_aside() { # what stands in the way of new bytes is kept, unless it is an older version that nobody wants
    local aside
    [ -e "$place" ] && [ "$old" != - ] || return 0
    [ -n "$trash" ] || trash=$root/.jwstsync/trash/$(date -u +%Y%m%dT%H%M%S)
    aside=$trash/$path
    if [ "$old" != trash ] && is_version; then
        aside=$root/.jwstsync/$old/$path
        rm -f "$aside" # of another run: the same bytes, if it is whole
    fi
    mkdir -p "${aside%/*}" || return
    ln "$place" "$aside" 2>/dev/null || cp -p "$place" "$aside"
}

is_version() { # whether what stands there is the version that its folder is named after
    local founds=()
    [ -n "$sha256_tool" ] || return
    add_up "$sha256_tool" "$place"
    [ "${founds[0]:0:8}" = "${old##*-}" ]
}

# --- the table, batch by batch -----------------------------------------------------------------------------------

note_outcome() {
    printf '%s\t%s\n' "$1" "${2//[[:cntrl:]]/?}" >>"$run/outcome.$mine"
    [ "$1" = skipped ] || say "$1: $2"
}

list() { # what a run would fetch of the batch
    local number
    find_missing
    for number in ${missing[@]+"${missing[@]}"}; do
        load "$number"
        printf '%s\n' "$path"
    done
}

settle() { # the batch; false where the rest had better be left
    local number
    find_missing
    for ((number = 0; number < ${#rows[@]}; number++)); do
        load "$number"
        [ -z "${good[number]}" ] || note_outcome skipped "$path"
    done
    [ ${#missing[@]} -eq 0 ] || obtain
}

obtain() { # what is missing of the batch, with as many tries as make sense
    local number pause=0 spent=() left=''
    queue=("${missing[@]}")
    for number in "${missing[@]}"; do
        load "$number"
        at_first
        tries[number]=0 wrongs[number]=0 firsts[number]='' etags[number]='' reasons[number]='' others[number]=''
    done
    recall
    while [ ${#queue[@]} -gt 0 ]; do
        ! alone || return
        pause=0
        ask
        conclude
        [ -z "$left" ] || return 1
        [ "$pause" -eq 0 ] || rest "$pause"
    done
}

recall() { # parts of earlier runs; what has all its bytes need not be asked for
    local number full=() asked=() weights=()
    for number in "${queue[@]}"; do
        load "$number"
        good[number]=''
        [ -s "$stash/$key.part" ] || continue
        if [ "$stash/$key.part" -ef "$place" ]; then # the run was killed when this had just been put in place
            rm -f "$stash/$key.part"
            continue
        fi
        mv -f "$stash/$key.part" "$stash/$key.etag" "$stash/$key.head" "$run/" 2>/dev/null
        [ -n "$tool" ] || recall_etag
        weigh "$part"
        [ -z "$tool" ] || [ "${weights[0]}" != "$size" ] || full+=("$number")
    done
    [ ${#full[@]} -gt 0 ] || return 0
    inspect "${full[@]}"
    for number in "${queue[@]}"; do
        load "$number"
        if [ -n "${good[number]}" ] && put; then
            succeed
        else
            asked+=("$number")
        fi
    done
    queue=(${asked[@]+"${asked[@]}"})
    clear_away
}

recall_etag() { # as it was noted, or, where the run was killed, out of the answer that it broke off
    local value=''
    if [ -r "$run/$key.etag" ]; then
        read -r value <"$run/$key.etag"
    else
        header etag
    fi
    is_strong "$value" && etags[number]=$value
}

is_strong() { # whether this ETag stands for the very bytes
    case $1 in '"'*'"') ;; *) return 1 ;; esac
}

conclude() { # what was just asked for: puts it in place, queues it again, or has it fail
    local number again=() seen=() refused=()
    for number in "${answered[@]}"; do
        good[number]=''
        if follow "$number"; then
            again+=("$number")
            continue
        fi
        case ${codes[number]}:${statuses[number]} in
            0:200 | 0:206 | *:416) seen+=("$number") ;;
            *) refused+=("$number") ;;
        esac
    done
    [ ${#seen[@]} -eq 0 ] || inspect "${seen[@]}"
    make_folders ${seen[@]+"${seen[@]}"}
    for number in ${seen[@]+"${seen[@]}"} ${refused[@]+"${refused[@]}"}; do
        alone && break
        load "$number"
        finish "${reasons[number]:-}"
    done
    queue=(${again[@]+"${again[@]}"} ${queue[@]+"${queue[@]}"})
    clear_away
}

make_folders() { # for those of products $@ that are good; what goes wrong shows when they are put there
    local number folders=()
    for number in "$@"; do
        load "$number"
        [ -z "${good[number]}" ] || [ -d "${place%/*}" ] || folders+=("${place%/*}")
    done
    [ ${#folders[@]} -eq 0 ] || mkdir -p "${folders[@]}" 2>/dev/null
}

finish() { # the product: in place, queued again or failed; of its bytes, if any came, $1 is said
    local verdict=wrong why=$1
    if [ -n "${good[number]}" ]; then
        verdict=never
        if put; then
            succeed
            return
        fi
    elif [ -z "$why" ]; then
        judge
    fi
    reasons[number]=''
    if doubtful; then
        doubt
        return
    fi
    tries[number]=$((tries[number] + 1))
    is_worth_it || {
        fail
        return
    }
    at_first
    again+=("$number")
}

is_worth_it() { # to ask for the product again, after the pause
    case $verdict in
        wrong)
            rm -f "$part" "$run/$key.etag"
            etags[number]=''
            wrongs[number]=$((wrongs[number] + 1))
            [ "$pause" -gt 2 ] || pause=2
            [ "${wrongs[number]}" -lt 2 ]
            ;;
        again) [ "${tries[number]}" -lt "$most_tries" ] && patient ;;
        *) false ;;
    esac
}

# MD5s of the archive's that nothing has proven to be of the bytes: one match in this run does, and what differs fails. What
# comes twice with the same other bytes waits for that as a whole part; three such products, or the end of the run, set the
# MD5s aside, and bytes of the right size and format are taken.

doubtful() { # whether only such an MD5 speaks against the part
    [ "$verdict" = wrong ] && [ -n "${others[number]}" ] && [ "${#sum}" -eq 32 ] && ! proven || return
    case $size in - | "${lengths[number]}") ;; *) return 1 ;; esac
    [ ! -e "$run/aside" ] || [ -n "${goes[number]}" ] || return 0 # only a checksum tells that joined parts are one file
    [ "${firsts[number]}" != "${others[number]}" ] || return 0
    firsts[number]=${others[number]}
    return 1
}

proven() {
    [ -n "$proven" ] || [ -e "$run/proven" ]
}

doubt() { # the part: takes it, or has it wait
    spent+=("$run/$key.head" "$run/$key.etag")
    if [ -e "$run/aside" ]; then
        take
    else
        printf '%s\n' "${rows[number]}" >>"$run/doubtful.$mine"
        claim doubt.1 || claim doubt.2 || : >"$run/aside"
    fi
}

take() { # the part as it is
    local verdict=never
    if put; then
        printf '%s unconfirmed\n' "${lengths[number]}" >"$note"
        note_outcome 'done' "$path"
        note_outcome unconfirmed "$path"
    else
        fail
    fi
}

settle_doubts() { # what waits, once nothing more can be proven
    local line number spent=() verdict=never left=''
    cat "$run"/doubtful.* >"$run/doubts" 2>/dev/null
    set -f
    rows=()
    while IFS= read -r line; do
        rows+=("$line")
    done <"$run/doubts"
    for ((number = 0; number < ${#rows[@]}; number++)); do
        load "$number"
        weigh "$part"
        lengths[number]=${weights[0]} etags[number]=''
        if proven; then
            why=$another_checksum
            rm -f "$part"
            fail
        else
            take
        fi
    done
    set +f
    clear_away
}

succeed() {
    note_outcome 'done' "$path"
    spent+=("$run/$key.head" "$run/$key.etag")
    unanswered=0
}

fail() {
    note_outcome failed "$path: $why"
    spent+=("$run/$key.head")
    if [ -n "$tool${etags[number]}" ]; then
        mv -f "$part" "$run/$key".etag "$stash/" 2>/dev/null
    else
        rm -f "$part"
    fi
    if [ "$verdict" = again ]; then unanswered=$((unanswered + 1)); else unanswered=0; fi
    [ "$unanswered" -lt "$patience" ] || {
        say "$archive: it does not answer; products are left for another run"
        left=yes
    }
}

at_first() { # the product is asked for where every product is
    urls[number]="$archive/api/v0.1/Download/file?uri=$uri" trusts[number]=yes hops[number]=0 anew[number]=''
}

clear_away() {
    [ ${#spent[@]} -eq 0 ] || rm -f "${spent[@]}"
    spent=()
}

alone() { # whether the script was killed, and this worker is left of it
    ! kill -0 "$$" 2>/dev/null
}

work() { # as worker number $1
    mine=$1
    trap stop_worker TERM
    printf 'of\t%s\n' "$lockfile" >"$run/outcome.$mine"
    walk settle 3<"$run/table"
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
        [ "$host" = "$machine" ] || return 2
        [ "$process" != "$$" ] || continue
        kill -0 "$process" 2>/dev/null && ! dead "$process" && return 0
    done <"$1/owners"
    return 1
}

dead() { # whether a process that was killed is still counted: a container may have nobody who clears it away
    case $(cat "/proc/$1/stat" 2>/dev/null) in *') Z '*) ;; *) return 1 ;; esac
}

salvage() { # from the folder of a run: parts that can be gone on with, and notes of what it put in place
    local part noted=$root/.jwstsync/fetched
    for part in "$1"/outcome.*; do # as it is, with its time: by it the next run of jwstsync knows these files again
        grep -q "^done$tab" "$part" 2>/dev/null || continue
        mkdir -p "$noted" && mv -f "$part" "$noted/${1##*/run.}.${part##*.}"
    done
    for part in "$1"/*.part; do
        [ ! -s "$part" ] || mv -f "$part" "${part%.part}.etag" "${part%.part}.head" "$stash/" 2>/dev/null
    done
    rm -rf "${1:?}"
}

enter() { # makes a folder for this run, and takes over from those that were killed
    local state=$root/.jwstsync/script folder
    stash=$state/parts notes=$state/sizes
    machine=$(uname -n)
    mkdir -p "$stash" "$notes" || stop 1 "$root: expected a folder that can be written"
    for folder in "$state"/run.*; do
        [ -d "$folder" ] || continue
        lives "$folder"
        case $? in
            0) stop 1 "$root: another run is at work on it" ;;
            1) salvage "$folder" ;;
        esac
    done
    run=$state/run.$$.$RANDOM
    mkdir "$run" || stop 1 "$run: expected to be free"
    trap leave EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    own "$$"
}

own() {
    printf '%s %s\n' "$machine" "$1" >>"$run/owners"
}

leave() {
    salvage "$run"
    find "$stash" -type f -mtime +30 -exec rm -f {} + # of products that nobody came back for
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
    local fetched skipped failed doubted
    fetched=$(outcomes 'done') skipped=$(outcomes skipped) failed=$(outcomes failed)
    cat "$run"/outcome.* 2>/dev/null | sed -n "s/^failed$tab/failed: /p" >&2
    doubted=$(outcomes unconfirmed)
    [ "$doubted" -eq 0 ] || say "$doubted with other MD5s than the archive states, which nothing has confirmed: taken by" \
        "size and format. The next \`jwstsync apply\` decides; where they are never right, checksums = \"ignore\" in the" \
        "manifest has them left out"
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
    case $root in *[[:cntrl:]]*) stop 2 "-d: expected no control characters" ;; esac
    case $parallel in [1-8]) ;; *) stop 2 "-j $parallel: expected a number from 1 to 8" ;; esac
    case $root in /*) ;; *) root=./$root ;; esac # so that no name begins with a dash
}

main() {
    local listing='' number escaped origin
    options "$@"
    if [ -n "$listing" ]; then
        choose_tools
        notes=$root/.jwstsync/script/sizes
        with_table walk list
        exit 0
    fi
    command -v curl >/dev/null || stop 2 "curl: expected to be installed"
    case $token in *[[:cntrl:]]*) stop 2 "MAST_API_TOKEN: expected one line without control characters" ;; esac
    case $archive in https:*) protocols='=https' ;; *) protocols='=http,https' ;; esac
    enter
    with_table keep_table
    unset -f with_table # a large one makes every fork slower
    if [ -n "$stranger" ] && [ -n "$token" ] && [ "${JWSTSYNC_ARCHIVE_URL-}" != "$archive" ]; then
        say "$archive: not one of MAST's hosts, and so not shown your token; JWSTSYNC_ARCHIVE_URL with the same" \
            "address says that it may see it"
        token=''
    fi
    escape "$token"
    find_origin "$archive"
    token=$escaped home=$origin
    choose_tools
    for ((number = 0; number < parallel; number++)); do
        work "$number" &
        workers+=("$!")
        own "$!"
    done
    wait
    settle_doubts
    summary
    exit # here, lest bash reads on in a file that was written anew meanwhile
}

walk() { # calls $1 for every batch that falls to this worker, until it is false
    local line batch='' ours=''
    set -f
    rows=()
    while IFS= read -r line <&3; do
        if [ "${line%%"$tab"*}" != "$batch" ]; then
            [ ${#rows[@]} -eq 0 ] || "$1" || return
            rows=() batch=${line%%"$tab"*} ours=''
            ! claim "$batch" || ours=yes
        fi
        [ -z "$ours" ] || rows+=("$line")
    done
    [ ${#rows[@]} -eq 0 ] || "$1"
}

keep_table() { # where workers can read it as fast as a file is read; bash makes pipes of some
    cat <&3 >"$run/table" || stop 1 "$run: expected room for the table"
}

claim() { # batch $1 for this worker: who makes the file has it
    local claimed
    [ -n "$run" ] || return 0
    set -C
    { : >"$run/claim.$1"; } 2>/dev/null
    claimed=$?
    set +C
    return "$claimed"
}

with_table() { # calls $@
    "$@" 3<<'END_OF_TABLE'
@table@
END_OF_TABLE
}

main "$@"
