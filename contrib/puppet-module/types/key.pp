# @summary A private key: an absolute path, or its URI in a PKCS#11 token.
type Bunraku::Key = Variant[Bunraku::Path, Pattern[/\Apkcs11:[^\x00-\x20\x7f]+\z/]]
