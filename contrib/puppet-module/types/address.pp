# @summary An IP address and a port: "127.0.0.1:8140", "[::1]:8140".
type Bunraku::Address = Pattern[/\A(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}\z/]
