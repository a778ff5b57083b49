# @summary The package, unless somebody else sees to it.
# @api private
class bunraku::install {
  unless $bunraku::package_ensure == 'none' {
    package { $bunraku::package_name:
      ensure => $bunraku::package_ensure,
    }
  }
}
