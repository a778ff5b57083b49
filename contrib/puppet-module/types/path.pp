# @summary An absolute path.
type Bunraku::Path = Pattern[/\A\/[^\x00-\x1f\x7f]*\z/]
