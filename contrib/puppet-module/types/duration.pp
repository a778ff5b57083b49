# @summary A whole number and a unit: "250ms", "3s", "2m", "1h", "1d".
type Bunraku::Duration = Pattern[/\A\d+(ms|s|m|h|d)\z/]
