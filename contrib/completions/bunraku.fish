# fish completion for bunraku. What there is to complete is asked of bunraku itself, so it is what this bunraku has.

function __bunraku_section --description 'names and what they are, of one section of its help' --argument-names section verb
    bunraku $verb --help 2>/dev/null | awk -v section="$section:" '
        function tell() { if (name != "") print name "\t" what; name = "" }
        /^[A-Za-z]/ { tell(); here = ($0 == section) }
        here && /^  [-a-z]/ {
            tell()
            what = $0; sub(/^  [^ ]+ */, "", what)
            n = split($1, names, ","); name = names[n]
            next
        }
        here && /^   / { more = $0; sub(/^ +/, "", more); what = what == "" ? more : what " " more }
        END { tell() }'
end

function __bunraku_verb --description 'the verb on the command line, if there is one'
    set --local verbs (__bunraku_section Subcommands | string replace --regex '\t.*' '')
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..]
        if contains -- $word $verbs
            echo $word
            return
        end
    end
    return 1
end

function __bunraku_options --description 'options of the verb, and of all'
    begin
        __bunraku_section Options (__bunraku_verb)
        __bunraku_section Options
    end | sort --unique
end

function __bunraku_scenarios --description 'those of Puppet\'s services; what each is, bunraku drill --list says'
    bunraku drill --list 2>/dev/null | awk '
        /^SERVICE-/ { n = split("ca catalog files report", services, " ")
                      for (i = 1; i <= n; ++i) print services[i] substr($1, length("SERVICE") + 1); next }
        /^[a-z]+-[a-z]+$/'
end

complete --command bunraku --no-files
complete --command bunraku --condition 'not __bunraku_verb >/dev/null' --arguments '(__bunraku_section Subcommands)'
complete --command bunraku --condition 'contains -- (__bunraku_verb) resolve explain' --arguments 'ca catalog files report'
complete --command bunraku --condition 'contains -- (__bunraku_verb) drill' --arguments '(__bunraku_scenarios)'
complete --command bunraku --condition 'contains -- (__bunraku_verb) drain undrain' --arguments '(__fish_print_hostnames)'
complete --command bunraku --condition 'string match --quiet -- "-*" (commandline --current-token)' --arguments '(__bunraku_options)'
complete --command bunraku --short-option c --long-option config --require-parameter --force-files
complete --command bunraku --long-option puppet-conf --require-parameter --force-files
complete --command bunraku --condition __bunraku_verb --long-option={socket,plan,html,junit,chain,ca,crl} --require-parameter --force-files
complete --command bunraku --condition __bunraku_verb --long-option revocation --exclusive --arguments 'chain leaf none'
complete --command bunraku --condition __bunraku_verb --long-option service --exclusive --arguments 'ca catalog files report'
