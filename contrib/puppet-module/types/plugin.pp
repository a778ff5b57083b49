# @summary A [plugin.NAME] of bunraku.toml: its keys but `load` and `deadline` are the plugin's own.
type Bunraku::Plugin = Hash[String[1], Data]
