# @summary SHA-256 of a public key, in hexadecimal.
type Bunraku::Pin = Pattern[/\A\h{64}\z/]
