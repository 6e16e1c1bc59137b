# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of memgap's command line in bash. Subcommands, options and their words are those that memgap's own help names.

_memgap_subcommands() {
	memgap help 2>/dev/null | sed -nE 's/^  ([a-z]+|--version) .*/\1/p; s/^  (--version)$/\1/p'
}

_memgap_options() { # subcommand
	memgap "$1" --help 2>/dev/null | sed -nE 's/^ +(-[A-Za-z]), (--[a-z-]+).*/\1 \2/p; s/^ +(--[a-z-]+).*/\1/p'
}

# What the help has after an option: "line|table|json", "FILE", nothing.
_memgap_value_of() { # subcommand, option
	memgap "$1" --help 2>/dev/null | sed -nE -e "/^ +(-[A-Za-z], )?${2}([ ,].*)?\$/{s/^ +(-[A-Za-z], )?(--[a-z-]+)? ?([^ ]*).*/\3/p;q}"
}

# By number, or the processes of a name.
_memgap_pids() { # what is typed
	local typed=$1 before='' status comm
	[[ $typed == *,* ]] && before=${typed%,*},
	typed=${typed##*,}
	for status in /proc/[0-9]*/comm; do
		{ read -r comm <"$status"; } 2>/dev/null || continue
		status=${status#/proc/}
		status=${status%/comm}
		[[ $status == "$typed"* || (-n $typed && $comm == "$typed"*) ]] && echo "$before$status"
	done
}

_memgap_cgroups() { # what is typed
	local mount
	mount=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/mounts)
	[[ -n $mount ]] || mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	if [[ $1 == /* ]]; then
		compgen -d -- "$1"
	else
		(cd "${mount:-/sys/fs/cgroup}" 2>/dev/null && compgen -d -- "$1")
	fi
}

_memgap_containers() {
	local engine
	for engine in podman docker; do
		command -v "$engine" >/dev/null && timeout 1 "$engine" ps --format '{{.Names}}' 2>/dev/null
	done
}

# The words that an option may have, a line each.
_memgap_words() { # subcommand, option, what is typed
	local value
	case $2 in
	-p | --pid) _memgap_pids "$3" ;;
	-c | --cgroup) _memgap_cgroups "$3" ;;
	-n | --container) _memgap_containers ;;
	--trim-at) printf '%s\n' alloc: gap: trimmable: rss: cgroup: ;;
	--trim-with) printf '%s\n' signal:USR1 signal:USR2 signal:RTMIN+2 pressure reclaim exec: auto ;;
	*)
		value=$(_memgap_value_of "$1" "$2")
		if [[ $value =~ ^[a-z]+(\|[a-z]+)+$ ]]; then
			printf '%s\n' "${value//|/$'\n'}"
		elif [[ $value == FILE || $value == PATH || $value == *.html ]]; then
			compgen -f -- "$3"
		fi
		;;
	esac
}

_memgap() {
	local line=${COMP_LINE:0:COMP_POINT} subcommand option current value words=() IFS=$' \t\n'
	COMPREPLY=()
	# bash itself splits at : and = as well
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	current=${words[-1]}
	subcommand=${words[1]-}
	option=${words[-2]}
	if ((${#words[@]} == 2)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_memgap_subcommands)" -- "$current")
		return
	fi
	if [[ " ${words[*]:2:${#words[@]}-3} " == *' -- '* ]]; then
		mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
		return
	fi
	if [[ $current == --*=* ]]; then
		option=${current%%=*}
		current=${current#*=}
	fi
	value=$(_memgap_value_of "$subcommand" "$option")
	if [[ $option == -* && $option != -- && -n $value ]]; then
		mapfile -t COMPREPLY < <(_memgap_words "$subcommand" "$option" "$current")
		# a name has been turned into pids
		[[ $option == -p || $option == --pid ]] ||
			mapfile -t COMPREPLY < <(compgen -W "${COMPREPLY[*]}" -- "$current")
		[[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null
	elif [[ $subcommand == report && $current != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_memgap_options "$subcommand")" -- "$current")
	fi
	# what is before the last colon is a word of its own for bash
	if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${current%:*}:"}")
	fi
}

complete -F _memgap memgap
