# @summary A name in DNS, or an IPv4 address.
type Bunraku::Host = Pattern[/\A[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\z/]
