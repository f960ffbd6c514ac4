# SPDX-License-Identifier: Apache-2.0
import os
import sys

import yaml

with open("settings.yaml") as f:
    print(yaml.safe_load(f)["greeting"], sys.prefix, os.getuid())
