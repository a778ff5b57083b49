# @summary Which package: installed, latest, a version; or none, where it comes by other means.
type Bunraku::PackageEnsure = Variant[Enum['installed', 'latest', 'none'], Pattern[/\A\d[A-Za-z0-9.+:~-]*\z/]]
