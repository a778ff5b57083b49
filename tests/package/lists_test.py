"""The pages that list something list all of it: doctor's checks, the metrics."""

import re
import unittest

import pages


def text_of(path):
    with open(f"{pages.TOP}/{path}", encoding="utf-8") as file:
        return file.read()


class Lists(unittest.TestCase):
    def test_doctor_md_has_every_check_and_no_other(self):
        made = re.findall(r'check_row\{\s*"([a-z0-9-]+)"', text_of("shim/doctor/checks.hpp"))
        self.assertGreater(len(made), 40)
        self.assertEqual(re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", text_of("contrib/doc/doctor.md")), made)

    def test_monitoring_md_has_every_metric_and_no_other(self):
        made = set(re.findall(r'"(bunraku_[a-z_]+)"', text_of("shim/admin/metrics.cpp")))
        self.assertGreater(len(made), 25)
        page = text_of("contrib/doc/monitoring.md")
        listed = set()
        for row in re.findall(r"(?m)^\| (`bunraku_.*)$", page):
            names = re.findall(r"`([a-z_]+)(?:\.\.\.)?`", row.split("|")[0])
            if "..." in row.split("|")[0]:  # their ends are in the last column
                names = [names[0] + end for end in re.findall(r"`([a-z_]+)`", row.split("|")[2])]
            listed |= set(names)
        self.assertEqual(listed, made)


if __name__ == "__main__":
    unittest.main()
