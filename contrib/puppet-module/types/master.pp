# @summary HOST or HOST:PORT.
type Bunraku::Master = Pattern[/\A[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?(:[1-9]\d{0,4})?\z/]
