# @summary `bunraku init --undo`, once this run is over.
#
# The run may go through bunraku itself, and has its report still to send. So systemd waits for its process to end. What kept an
# undo from being done is an error of the next run.
# @api private
class bunraku::undo {
  exec { 'bunraku init --undo, after this run':
    command  => @("END"/L$),
      if systemctl is-failed --quiet bunraku-undo; then
        journalctl --no-pager --lines=20 --unit=bunraku-undo
        systemctl reset-failed bunraku-undo
        exit 1
      fi
      exec systemd-run --quiet --unit=bunraku-undo /bin/sh -c "tail --pid=\$PPID --follow /dev/null && /usr/bin/bunraku init --undo"
      | END
    onlyif   => 'test -e /etc/bunraku/before-init/record.json',
    path     => ['/usr/bin', '/bin'],
    provider => shell,
  }
}
