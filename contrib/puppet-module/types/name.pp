# @summary What services and plugins are called.
type Bunraku::Name = Pattern[/\A[a-z][a-z0-9_-]{0,31}\z/]
