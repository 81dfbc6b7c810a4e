"""The application identifiers (AI) of the GS1 General Specifications, section 3.2, one row for those that are alike.

A row has five columns: identifiers | format | needs | not with | Digital Link.

Identifiers: ``410-413`` counts up, ``/0-5`` adds a last digit (places after the decimal point).
Format: parts of a value. ``n6`` six digits, ``n..8`` one to eight digits, ``x`` the same in character set 82, ``y`` in
set 39, ``z`` in file-safe base 64; in square brackets a part that may be absent together with all that follow it.
After colons stand the rules for the part, names of ``rules.RULES``.
Needs: at least one of these must be in the same data; ``+`` joins identifiers that are needed together.
Not with: none of these may be there. ``~`` is the same identifier with another last digit.
In both columns ``n`` stands for any digit.
Digital Link: ``key`` begins the path; behind it the qualifiers in their order, ``/`` before another order;
``data`` may stand in the query.
"""

from __future__ import annotations

ROWS = """\
00                | n18:check:prefix2                | | | key data
01                | n14:check:prefix2                | | 255 37 | key 22 10 21 / 235 data
02                | n14:check:prefix2                | 37 | 01 03 | data
03                | n14:check:prefix2                | | 01 02 37 235 |
10                | x..20                            | 01 02 03 8006 8026 | | data
11 13 15 16       | n6:day0                          | 01 02 03 8006 8026 | | data
12                | n6:day0                          | 8020 | | data
17                | n6:day0                          | 01 02 03 255 8006 8026 | | data
20                | n2                               | 01 02 03 8006 8026 | | data
21                | x..20                            | 01 03 8006 | 235 |
22                | x..20                            | 01 | |
235               | x..28                            | 01 | |
240 241           | x..30                            | 01 02 03 8006 8026 | | data
242               | n..6                             | 01 02 8006 8026 | | data
243               | x..20                            | 01 03 | | data
250               | x..30                            | 01+21 03+21 8006+21 | | data
251               | x..30                            | 01 03 8006 | | data
253               | n13:check:prefix [x..17]         | | | key data
254               | x..20                            | 414 | |
255               | n13:check:prefix [n..12]         | | 01 02 415 8006 8020 8026 | key data
30                | n..8                             | 01 02 | | data
310-316/0-5       | n6                               | 01 02 | ~ | data
320-329/0-5       | n6                               | 01 02 | ~ | data
330-336/0-5       | n6                               | 00 01 | ~ | data
337/0-5           | n6                               | 01 | ~ | data
340-349/0-5       | n6                               | 00 01 | ~ | data
350-352/0-5       | n6                               | 01 02 | ~ | data
353-355/0-5       | n6                               | 00 01 | ~ | data
356-357/0-5       | n6                               | 01 02 | ~ | data
360-361/0-5       | n6                               | 01 02 | ~ | data
362-363/0-5       | n6                               | 00 01 | ~ | data
364-366/0-5       | n6                               | 01 02 | ~ | data
367-369/0-5       | n6                               | 00 01 | ~ | data
37                | n..8                             | 00+02 00+8026 | | data
390/0-9           | n..15                            | 255 8020 | ~ 391n 394n 8111 | data
391/0-9           | n3:currency n..15                | 8020 | ~ | data
392/0-9           | n..15                            | 01+30 01+31nn 01+32nn 01+35nn 01+36nn | ~ 393n | data
393/0-9           | n3:currency n..15                | 30 31nn 32nn 35nn 36nn | ~ | data
394/0-3           | n4                               | 255 | ~ 8111 | data
395/0-5           | n6                               | 30 31nn 32nn 35nn 36nn | ~ 392n 393n 8005 | data
400               | x..30                            | | | data
401               | x..30:prefix                     | | | key data
402               | n17:check:prefix                 | | | key data
403               | x..30                            | 00 | | data
410-413 416       | n13:check:prefix                 | | | data
414               | n13:check:prefix                 | | | key 254 / 7040 data
415               | n13:check:prefix                 | 8020 | | key 8020 data
417               | n13:check:prefix                 | | | key 7040 data
420               | x..20                            | | 421 | data
421               | n3:country x..9                  | | 4307 | data
422               | n3:country                       | 01 02 03 8006 8026 | 426 | data
423 425           | n3:country [n3:country] [n3:country] [n3:country] [n3:country] | 01 02 03 | 426 | data
424               | n3:country                       | 01 02 03 | 426 | data
426               | n3:country                       | 01 02 03 | | data
427               | x..3                             | 01+422 02+422 03+422 | | data
4300 4301         | x..35:percent                    | 00 | | data
4302 4304-4306    | x..70:percent                    | 00 | | data
4303              | x..70:percent                    | 4302 | | data
4307 4317         | x2:country2                      | 00 | | data
4308 4319         | x..30                            | 00 | | data
4309              | n10:latitude n10:longitude       | 00 | | data
4310 4311 4320    | x..35:percent                    | 00 | | data
4312 4314-4316    | x..70:percent                    | 00 | | data
4313              | x..70:percent                    | 4312 | | data
4318              | x..20                            | 00 | | data
4321-4323         | n1:bit                           | 00 | | data
4324 4325         | n6:day0 n4:hhmm                  | 00 | | data
4326              | n6:date                          | 00 | | data
4330              | n6 [x1:hyphen]                   | 00 | 4331 | data
4331              | n6 [x1:hyphen]                   | 00 | 4330 | data
4332              | n6 [x1:hyphen]                   | 00 | 4333 | data
4333              | n6 [x1:hyphen]                   | 00 | 4332 | data
7001              | n13                              | 01 02 8006 8026 | | data
7002              | x..30                            | 01 02 | | data
7003              | n6:date n4:hhmm                  | 01 02 03 | | data
7004              | n..4                             | 01+10 03+10 | | data
7005              | x..12                            | 01 02 | | data
7006              | n6:date                          | 01 02 | | data
7007              | n6:date [n6:date]                | 01 02 | | data
7008              | x..3                             | 01 02 | | data
7009              | x..10                            | 01 02 | | data
7010              | x..2                             | 01 02 03 | | data
7011              | n6:date [n4:hhmm]                | 01 02 03 | | data
7020              | x..20                            | 01+416 03+416 8006+416 | | data
7021              | x..20                            | 01 03 8006 | | data
7022              | x..20                            | 01+7021 03+7021 8006+7021 | | data
7023              | x..30:prefix                     | | | data
7030-7039         | n3:country999 x..27              | 01 02 | | data
7040              | n1 x1 x1 x1:importer             | | |
7041              | x..4:package                     | 00 | |
710-717           | x..20                            | 01 | | data
7230-7239         | x2 x..28                         | 01 8004 | | data
7240              | x..20                            | 01 8006 | 03 | data
7241              | n2:media                         | 8017 8018 | | data
7242              | x..25                            | 8017 8018 | | data
7250              | n8:date4                         | 8018 | 7251 | data
7251              | n8:date4 n4:hhmm                 | 8018 | 7250 | data
7252              | n1:sex                           | 8018 | | data
7253 7254         | x..40:percent                    | 8017 8018 | 7256 7259 | data
7255              | x..10                            | 8017 8018 | 7256 7259 | data
7256              | x..90:percent                    | 8017 8018 | | data
7257              | x..70:percent                    | 8018 | | data
7258              | x3:sequence                      | 8018+7259 | | data
7259              | x..40:percent                    | 8018 | 7256 | data
8001              | n4:nonzero n5:nonzero n3:nonzero n1:winding n1 | 01 | | data
8002              | x..20                            | | | data
8003              | n1:zero n13:check:prefix [x..16] | | | key data
8004              | x..30:prefix                     | | | key 7040 data
8005              | n6                               | 01 02 | | data
8006              | n14:check:prefix2 n4:piece       | | 01 03 37 | key 22 10 21 data
8007              | x..34:iban                       | 415 | | data
8008              | n6:date n2:hh [n2:mm] [n2:ss]    | 01 02 03 | | data
8009              | x..50                            | 00 01 03 | | data
8010              | y..30:prefix                     | | | key 8011 data
8011              | n..12:no_leading_zero            | 8010 | |
8012              | x..20                            | 01 03 8006 | | data
8013              | x..25:check_pair:prefix          | | | key data
8014              | x..25:check_pair:prefix:letter   | 01 | |
8017              | n18:check:prefix                 | | 8018 | key 8019 data
8018              | n18:check:prefix                 | | 8017 | key 8019 data
8019              | n..10                            | 8017 8018 | |
8020              | x..25                            | 415 | |
8026              | n14:check:prefix2 n4:piece       | 37 | 02 03 8006 | data
8030              | z..90:padding                    | 00 01+21 03+21 253 255 8003 8004 8006+21 8010+8011 8017 8018 | |
8040              | n15                              | 01+21 | |
8041              | n15                              | 01+21+8040 | |
8042              | n32                              | 01+21+8040 | |
8043              | n18 [n..2]                       | 01+21+8040 | |
8110              | x..70                            | | | data
8111              | n4                               | 255 | | data
8112              | x..70                            | | | data
8200              | x..70                            | 01 | |
90                | x..30                            | | | data
91-99             | x..90                            | | | data
"""
