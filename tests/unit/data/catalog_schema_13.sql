-- A catalog as the code of schema 13 left it: a run with two builders, and rows of every kind that its tests make.
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE apt_package (
        host TEXT NOT NULL,
        package TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('installed', 'refused')),
        why TEXT,                      -- it was refused
        at REAL NOT NULL,
        PRIMARY KEY (host, package)
    ) WITHOUT ROWID;
INSERT INTO "apt_package" VALUES('pi1','libfoo-dev','refused','It is not in main.',1700000000.0);
INSERT INTO "apt_package" VALUES('pi1','libusb-1.0-0-dev','installed',NULL,1700000000.0);
CREATE TABLE attempt (
        id TEXT PRIMARY KEY,           -- NAME-VERSION-RANDOM, the name of its inbox and outbox entry
        batch_id TEXT NOT NULL REFERENCES batch (id),
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        sdist_filename TEXT NOT NULL,
        sdist_sha256 TEXT,
        predicted_seconds REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'lost')),
        claimed_at REAL NOT NULL,
        finished_at REAL,
        outcome TEXT CHECK (outcome IN ('built', 'failed', 'refused')),
        class TEXT,                    -- the failure's name (admit/classify.py)
        blocks TEXT CHECK (blocks IN ('release', 'target')),  -- what this failure settles; NULL: worth another try
        forgiven INTEGER NOT NULL DEFAULT 0,  -- the operator asked for another try
        sentence TEXT,                 -- what happened, for people
        evidence TEXT,                 -- the lines of the log that show it
        remedy TEXT,                   -- what would help
        seconds REAL,
        cpu_seconds REAL,
        peak_memory INTEGER,
        interpreter TEXT,
        build_requires TEXT,           -- JSON list of {"name", "version"}
        log TEXT                       -- path below logs/
    , begun_at REAL, alone INTEGER NOT NULL DEFAULT 0, again TEXT CHECK (again IN ('alone', 'elsewhere')), predicted_normal REAL NOT NULL DEFAULT 0, normal_seconds REAL, summary TEXT, built_with TEXT, subject TEXT, lacks TEXT CHECK (lacks IN ('header', 'library', 'tool', 'module', 'pkg-config')), remedies TEXT, try_with TEXT, wait_until REAL, needs_memory INTEGER, depended TEXT, package TEXT, requires_python TEXT, phase TEXT, backend TEXT, declared TEXT) WITHOUT ROWID;
INSERT INTO "attempt" VALUES('broken-2.0-00000007','batch','run1','pi1',14,2,'sdist.tar.gz',NULL,1.0,'done',1700000000.0,1700000007.0,'failed','compile-error','release',0,'It does not compile.','error: x','Ask its authors.',12.0,NULL,NULL,NULL,NULL,'broken/broken-2.0-00000007.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,9.0,1000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('cext-1.0-4f1d35e1','e2afa4ada419','20261129T225726Z-32191','another-one',1,1,'cext-1.0.tar.gz','7d29390bedd30571927930f5c0364979283b2e9b00a9f46aa4a9b34eb59d0dda',15.071775,'done',1.79599307266581106187e+09,1.79599308261555147166e+09,'built',NULL,NULL,0,NULL,NULL,NULL,3.446,0.722,40124416,'CPython 3.11.7','[]','cext/cext-1.0-4f1d35e1.log.gz',1.79599307563281583785e+09,0,NULL,15.071775,3.446,'Klein, aber größer als nichts: cext','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/cext/cext-1.0.tar.gz"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'collect','intree_backend',NULL);
INSERT INTO "attempt" VALUES('clocked-1.0-d605c27f','c0f3a019be80','20261129T225726Z-32191','one',3,1,'clocked-1.0.tar.gz','3eaf4ea5848205d00382be29471b5fcefe9697800529419293737b5e93f68593',15.069375,'done',1.79599307287402296063e+09,1.79599307920454740522e+09,'built',NULL,NULL,0,NULL,NULL,NULL,2.37,0.552,27183104,'CPython 3.11.7','[]','clocked/clocked-1.0-d605c27f.log.gz',1.79599307454493021963e+09,0,NULL,15.069375,2.37,'Klein, aber größer als nichts: clocked','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/clocked/clocked-1.0.tar.gz"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'collect','intree_backend',NULL);
INSERT INTO "attempt" VALUES('demo-1.0-00000004','batch','run1','pi1',11,2,'sdist.tar.gz',NULL,1.0,'done',1700000000.0,1700000004.0,'built',NULL,NULL,0,NULL,NULL,NULL,12.0,NULL,NULL,NULL,NULL,'demo/demo-1.0-00000004.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('demo-1.1-00000005','batch','run1','pi1',12,2,'sdist.tar.gz',NULL,1.0,'done',1700000000.0,1700000005.0,'built',NULL,NULL,0,NULL,NULL,NULL,12.0,NULL,NULL,NULL,NULL,'demo/demo-1.1-00000005.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('libcups-thing-1.0-00000003','batch','run1','pi2',10,2,'libcups_thing-1.0.tar.gz',NULL,1.0,'done',1700000000.0,1700000003.0,'failed','missing-header','target',0,'It is missing.',NULL,'Install libyaml-dev on the builder (apt-get install libyaml-dev).',12.0,NULL,NULL,NULL,NULL,'libcups-thing/libcups-thing-1.0-00000003.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,'yaml.h','header',NULL,NULL,NULL,NULL,NULL,'libyaml-dev',NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('lxml-6.0-00000006','batch','run1','pi1',13,2,'sdist.tar.gz',NULL,1.0,'open',1700000000.0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('needscups-4.0-0c9de2af','e2afa4ada419','20261129T225726Z-32191','another-one',6,1,'needscups-4.0.tar.gz','4674489b5f412d8ff22bc4ffa095934e7ffe8718d5c26538f12d1a8fe8533887',15.072125,'done',1.79599307266581106187e+09,1.79599307942131471635e+09,'failed','missing-header','target',0,'The header cups/cups.h is missing on the builder.','Python 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]
gcc -Wsign-compare -DNDEBUG -g -fwrapv -O3 -Wall -fPIC -shared -I/usr/include/python3.11 extension.c -o /build/source/needscups-4.0/_backend/output.so -Wl,-s
extension.c:1:10: fatal error: cups/cups.h: No such file or directory
    1 | #include <cups/cups.h>','Look for the package that has cups/cups.h (apt-file search cups/cups.h) and install it on the builder. If no package has it, the sdist lacks a file of its own.',2.446,0.323,24113152,'CPython 3.11.7','[]','needscups/needscups-4.0-0c9de2af.log.gz',1.79599307563281583785e+09,0,NULL,15.072125,2.446,'Klein, aber größer als nichts: needscups','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/needscups/needscups-4.0.tar.gz"}','cups/cups.h','header',NULL,NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'build','intree_backend',NULL);
INSERT INTO "attempt" VALUES('needy-1.0-5a4bce66','c0f3a019be80','20261129T225726Z-32191','one',4,1,'needy-1.0.tar.gz','971cb7378410731ad753f556f3cb9ef79ddeb044f07d3354ae77c4360b18b127',15.068675,'done',1.79599307287402296063e+09,1.7959930770151712894e+09,'failed','undeclared-build-requirement','release',0,'The build needs helping, which the project does not declare as a build requirement.','  File "/build/source/needy-1.0/_backend/script.py", line 1, in <module>
    import helping
ModuleNotFoundError: No module named ''helping''','The project has to declare it under build-system.requires in pyproject.toml; report it there.',1.557,0.294,23556096,'CPython 3.11.7','[]','needy/needy-1.0-5a4bce66.log.gz',1.79599307454493021963e+09,0,NULL,15.068675,1.557,'Klein, aber größer als nichts: needy','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/needy/needy-1.0.tar.gz"}','helping','module',NULL,'[{"name": "declared requirement helping", "why": "The build imports helping, which the project declares, but not for its build.", "change": {"requires": ["helping"]}}]',NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'build','intree_backend','helping');
INSERT INTO "attempt" VALUES('needy-1.0-7363aea2','e14b05b5554f','20261129T225726Z-32191','another-one',4,1,'needy-1.0.tar.gz','971cb7378410731ad753f556f3cb9ef79ddeb044f07d3354ae77c4360b18b127',1.557,'done',1.79599307949707555766e+09,1.79599308670959734914e+09,'built',NULL,NULL,0,NULL,NULL,NULL,2.981,0.58,32718848,'CPython 3.11.7','[{"name": "helping", "version": "1.0"}]','needy/needy-1.0-7363aea2.log.gz',1.79599308305361461636e+09,0,NULL,1.557,6.17981214433737324753e+00,'Klein, aber größer als nichts: needy','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/needy/needy-1.0.tar.gz"}',NULL,NULL,'[{"name": "declared requirement helping", "why": "The build imports helping, which the project declares, but not for its build.", "change": {"requires": ["helping"]}}]',NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'collect','intree_backend',NULL);
INSERT INTO "attempt" VALUES('old-1.0-4b92ffaa','798998e7475b','20261129T225726Z-32191','one',5,1,'old-1.0.tar.gz','35ce0cf358b82b9be2ac8c469fd367cf125dca3316550827388bb267eae2db2e',5.61026289154310386919e+00,'done',1.79599308708538174623e+09,1.79599309918140959737e+09,'built',NULL,NULL,0,NULL,NULL,NULL,8.299,2.001,37347328,'CPython 3.11.7','[{"name": "setuptools", "version": "57.5.0"}]','old/old-1.0-4b92ffaa.log.gz',1.7959930893291187286e+09,0,NULL,2.97964611588765109218e+01,4.00737049638289590794e+01,'Klein, aber größer als nichts: old','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/old/old-1.0.tar.gz"}',NULL,NULL,'[{"name": "setuptools<58", "why": "use_2to3 left setuptools in 58.", "change": {"constraints": ["setuptools<58"]}}]',NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'collect','setuptools.build_meta:__legacy__',NULL);
INSERT INTO "attempt" VALUES('old-1.0-8a8b8f34','0fbf143a45eb','20261129T225726Z-32191','one',5,1,'old-1.0.tar.gz','35ce0cf358b82b9be2ac8c469fd367cf125dca3316550827388bb267eae2db2e',15.010025,'done',1.79599307704915165904e+09,1.79599308660578036314e+09,'failed','removed-api','target',0,'setup.py uses use_2to3, which setuptools no longer has.','limits: 120 s, 3600 s without output, 9642 MiB of memory, 512 processes, 8192 MiB on the disk, 131072 KiB of log
Python 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]
error in old setup command: use_2to3 is invalid.','Use a later release, or a target with an older Python; else report it to the project.',6.526,1.174,34910208,'CPython 3.11.7','[{"name": "setuptools", "version": "84.2.1"}]','old/old-1.0-8a8b8f34.log.gz',1.79599308004119610779e+09,0,NULL,15.010025,2.97964611588765109218e+01,'Klein, aber größer als nichts: old','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/old/old-1.0.tar.gz"}','use_2to3',NULL,NULL,'[{"name": "setuptools<58", "why": "use_2to3 left setuptools in 58.", "change": {"constraints": ["setuptools<58"]}}]',NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'requires','setuptools.build_meta:__legacy__',NULL);
INSERT INTO "attempt" VALUES('purely-2.0-3ceaa572','0fbf143a45eb','20261129T225726Z-32191','one',7,1,'purely-2.0.tar.gz','982b382958a262bb4dd323dcac064d6711922aae001dbca300b64fea7edd4f60',15.06765,'done',1.79599307704915165904e+09,1.79599308269287466998e+09,'built',NULL,NULL,0,NULL,NULL,NULL,2.122,0.434,23572480,'CPython 3.11.7','[]','purely/purely-2.0-3ceaa572.log.gz',1.79599308004119610779e+09,0,NULL,15.06765,7.28299439665585612857e+00,'Klein, aber größer als nichts: purely','{"builder":{"board":null,"cores":2,"machine":"x86_64","memory":25276510208,"os":{"id":"debian","version":"12"},"sandbox":"bubblewrap 0.8.0","slots":2,"toolchain":{"cmake":"cmake version 3.25.1","gcc":"gcc (Debian 12.2.0-14+deb12u1) 12.2.0","ld":"GNU ld (GNU Binutils for Debian) 2.40","rustc":"rustc 1.95.0 (59807616e 2026-04-14)"}},"sdist_url":"http://127.0.0.2:38541/files/purely/purely-2.0.tar.gz"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"toolchain": "cf186c814e43efbdb3e66edf4da791ab", "packages": "0f6dbfefa34832f860ffc5c5dfe8e406", "recipe": null, "remedies": "cc4679ba871735d08c69b9fd2bd431c6"}',NULL,NULL,'collect','intree_backend',NULL);
INSERT INTO "attempt" VALUES('pyusb-1.0-00000002','batch','run1','pi1',9,2,'pyusb-1.0.tar.gz',NULL,1.0,'done',1700000000.0,1700000002.0,'failed','missing-header','target',1,'It is missing.',NULL,'Install libusb-1.0-0-dev on the builder (apt-get install libusb-1.0-0-dev).',12.0,NULL,NULL,NULL,NULL,'pyusb/pyusb-1.0-00000002.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,'usb-1.0','library',NULL,NULL,NULL,NULL,NULL,'libusb-1.0-0-dev',NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES('pyyaml-1.0-00000001','batch','run1','pi1',8,2,'pyyaml-1.0.tar.gz',NULL,1.0,'done',1700000000.0,1700000001.0,'failed','missing-header','target',0,'It is missing.',NULL,'Install libyaml-dev on the builder (apt-get install libyaml-dev).',12.0,NULL,NULL,NULL,NULL,'pyyaml/pyyaml-1.0-00000001.log.gz',NULL,0,NULL,0.0,NULL,NULL,NULL,'yaml.h','header',NULL,NULL,NULL,NULL,NULL,'libyaml-dev',NULL,NULL,NULL,NULL);
CREATE TABLE batch (
        id TEXT PRIMARY KEY,
        host TEXT NOT NULL,
        run TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        lease_until REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'lost'))
    ) WITHOUT ROWID;
INSERT INTO "batch" VALUES('0fbf143a45eb','one','20261129T225726Z-32191',1.79599307704915165904e+09,1.79599398531730270389e+09,'done');
INSERT INTO "batch" VALUES('798998e7475b','one','20261129T225726Z-32191',1.79599308708538174623e+09,1.79599399689888167383e+09,'done');
INSERT INTO "batch" VALUES('batch','pi1','run1',0.0,0.0,'done');
INSERT INTO "batch" VALUES('c0f3a019be80','one','20261129T225726Z-32191',1.79599307287402296063e+09,1.79599397704915165899e+09,'done');
INSERT INTO "batch" VALUES('e14b05b5554f','another-one','20261129T225726Z-32191',1.79599307949707555766e+09,1.79599398540521383287e+09,'done');
INSERT INTO "batch" VALUES('e2afa4ada419','another-one','20261129T225726Z-32191',1.79599307266581106187e+09,1.79599397949707555773e+09,'done');
CREATE TABLE blocked (
        class TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        builds INTEGER NOT NULL,
        lookups INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (class, project_id)
    ) WITHOUT ROWID;
INSERT INTO "blocked" VALUES('missing-header',4,1,0);
INSERT INTO "blocked" VALUES('missing-header',9,1,5);
INSERT INTO "blocked" VALUES('missing-header',11,1,0);
CREATE TABLE build_day (
        day INTEGER NOT NULL,
        host TEXT NOT NULL,
        outcome TEXT NOT NULL,         -- as in attempt
        builds INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (day, host, outcome)
    ) WITHOUT ROWID;
INSERT INTO "build_day" VALUES(19675,'pi1','built',2,24.0);
INSERT INTO "build_day" VALUES(19675,'pi1','failed',3,36.0);
INSERT INTO "build_day" VALUES(19675,'pi2','failed',1,12.0);
INSERT INTO "build_day" VALUES(20786,'another-one','built',2,6.427);
INSERT INTO "build_day" VALUES(20786,'another-one','failed',1,2.446);
INSERT INTO "build_day" VALUES(20786,'one','built',3,12.791);
INSERT INTO "build_day" VALUES(20786,'one','failed',2,8.083);
CREATE TABLE builder (host TEXT PRIMARY KEY, facts TEXT NOT NULL, seen_at REAL NOT NULL, speed REAL NOT NULL DEFAULT 1, hungry_at REAL NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, vouched INTEGER NOT NULL DEFAULT 0, trial_at REAL NOT NULL DEFAULT 0, doubted_at INTEGER NOT NULL DEFAULT 3, set_aside TEXT, packages TEXT) WITHOUT ROWID;
INSERT INTO "builder" VALUES('another-one','{"board": null, "cores": 2, "machine": "x86_64", "memory": 25276510208, "os": {"id": "debian", "version": "12"}, "sandbox": "bubblewrap 0.8.0", "slots": 2, "toolchain": {"cmake": "cmake version 3.25.1", "gcc": "gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "ld": "GNU ld (GNU Binutils for Debian) 2.40", "rustc": "rustc 1.95.0 (59807616e 2026-04-14)"}}',1.7959930534612782002e+09,1.89579644912383749044e+00,1.79599309782966971393e+09,0,0,1.79599307942131471635e+09,3,NULL,'["ca-certificates", "cmake", "gcc", "libc6-dev", "make", "python3.11"]');
INSERT INTO "builder" VALUES('one','{"board": null, "cores": 2, "machine": "x86_64", "memory": 25276510208, "os": {"id": "debian", "version": "12"}, "sandbox": "bubblewrap 0.8.0", "slots": 2, "toolchain": {"cmake": "cmake version 3.25.1", "gcc": "gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "ld": "GNU ld (GNU Binutils for Debian) 2.40", "rustc": "rustc 1.95.0 (59807616e 2026-04-14)"}}',1.7959930534612782002e+09,4.69252933631738411435e+00,0.0,0,0,1.79599308660578036314e+09,3,NULL,'["ca-certificates", "cmake", "gcc", "libc6-dev", "make", "python3.11"]');
INSERT INTO "builder" VALUES('pi1','{"os": {"id": "debian", "version": "12"}}',0.0,1.0,0.0,0,0,0.0,3,NULL,NULL);
INSERT INTO "builder" VALUES('pi2','{"os": {"id": "debian", "version": "13"}}',0.0,0.5,5.0,2,1,7.0,6,'It failed three times in a row.',NULL);
CREATE TABLE client_day (
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        downloads INTEGER NOT NULL,
        PRIMARY KEY (kind, key, day)
    ) WITHOUT ROWID;
INSERT INTO "client_day" VALUES(20779,'all','',3);
INSERT INTO "client_day" VALUES(20779,'installer','pip',3);
INSERT INTO "client_day" VALUES(20779,'machine','aarch64',3);
INSERT INTO "client_day" VALUES(20779,'python','3.11',3);
INSERT INTO "client_day" VALUES(20779,'system','Debian GNU/Linux 12',3);
CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        sentence TEXT NOT NULL
    );
INSERT INTO "event" VALUES(1,1.79599311134890794747e+09,'20261129T225726Z-32191','another-one','It built clocked-1.0-py3-none-any.whl again, and not as one did. Other bytes in clocked.py.');
INSERT INTO "event" VALUES(2,1700000000.0,'run1','pi1','libfoo-dev was not installed. It is not in main.');
INSERT INTO "event" VALUES(3,1700000000.0,'run1','pi1','Installed libusb-1.0-0-dev, which builds lacked; 1 build went back to the queue.');
CREATE TABLE given_name (
        filename TEXT PRIMARY KEY,
        project TEXT NOT NULL,         -- normalised
        version TEXT NOT NULL,         -- PEP 440 normalised
        sha256 TEXT NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "given_name" VALUES('cext-1.0-cp311-cp311-linux_x86_64.whl','cext','1.0','b5e03b619634bde471a27d68aadee6f6f2a546d68a033acaced2222523b5eccf');
INSERT INTO "given_name" VALUES('clocked-1.0-py3-none-any.whl','clocked','1.0','81df5f4b5574e4f2d3b039ed3acaca3a7b11a49afbb198d532051ba709236c58');
INSERT INTO "given_name" VALUES('demo-1.0-py3-none-any.whl','demo','1.0','b4fab0b2a1288df1509e85f692fe25c0b58531444dc69c4d07c7a2be064811f6');
INSERT INTO "given_name" VALUES('demo-1.1-cp311-cp311-linux_aarch64.whl','demo','1.1','4517e82a903394754fa49730f05bd8ab3a37981d4b9383a129e1cb2094c7670b');
INSERT INTO "given_name" VALUES('needy-1.0-py3-none-any.whl','needy','1.0','1d440dde8d113c1c31671c0c78ae2bff0dac141c797004eefc93e9ef24c5d9db');
INSERT INTO "given_name" VALUES('old-1.0-py3-none-any.whl','old','1.0','527b0a584204ac56aaf29584b77f91185dd0331181f45de28fd7a8a0c3bd8af3');
INSERT INTO "given_name" VALUES('purely-2.0-py3-none-any.whl','purely','2.0','fe2ca606b986c3f6030415f49ec1225315c2aaf3b117f2de7bf919fca4debcc1');
CREATE TABLE log_position (
        host TEXT NOT NULL,
        head TEXT NOT NULL,
        offset INTEGER NOT NULL,
        at REAL NOT NULL,              -- of the newest line counted
        PRIMARY KEY (host, head)
    ) WITHOUT ROWID;
INSERT INTO "log_position" VALUES('web1','aa.bb',100,1795348800.0);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('index_url','http://127.0.0.1:35985/simple/');
INSERT INTO "meta" VALUES('judged_under','5dae52dc5da902d4afb290aceb1b6ca6');
INSERT INTO "meta" VALUES('plan','{"packages": ["cext", "clocked", "served", "needscups", "old", "needy", "unknown-thing"], "requirements": [{"path": "/srv/requirements.txt", "lines": [{"text": "purely==2.0", "path": "/srv/requirements.txt", "number": 1, "why": ""}, {"text": "cext", "path": "/srv/requirements.txt", "number": 2, "why": ""}, {"text": "nosuchproject==1.0", "path": "/srv/requirements.txt", "number": 3, "why": ""}], "constraints": [], "options": [], "problems": [], "ignored": []}], "everything": false, "newest": "1", "policy": {"prereleases": "if-only", "yanked": false, "build": "missing", "cooldown_hours": 0, "skip": [], "tries": 5, "failed_imports": "withhold"}}');
INSERT INTO "meta" VALUES('published','7f41c6053d87c776');
INSERT INTO "meta" VALUES('remedy_rules','{"-Wno-error": 1, "-fcommon": 1, "-std=gnu17": 1, "C anew": 1, "CMake policy": 1, "Cython<3": 1, "PyO3 forward compatibility": 1, "Python''s distutils": 1, "date-matched": 1, "declared requirement": 1, "more time": 1, "newer C API": 1, "numpy<1.24": 1, "numpy<2": 1, "older C": 1, "older C++": 1, "one job": 1, "requirement": 2, "setuptools": 1, "setuptools<46": 1, "setuptools<58": 1, "setuptools<61": 1, "setuptools<66": 1, "setuptools<72": 1, "setuptools<74": 1, "setuptools<77": 1, "setuptools<81": 1, "source on path": 1}');
INSERT INTO "meta" VALUES('report_changes','142');
CREATE TABLE offer (
        host TEXT NOT NULL REFERENCES builder (host) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        tools TEXT NOT NULL,           -- the builder's Python that builds for this target
        interpreter TEXT NOT NULL,
        PRIMARY KEY (host, target_id)
    ) WITHOUT ROWID;
INSERT INTO "offer" VALUES('another-one',1,'/srv/builder/another-one/tools/cpython-311-x86_64-linux-gnu/bin/python','/usr/bin/python3.11');
INSERT INTO "offer" VALUES('one',1,'/srv/builder/one/tools/cpython-311-x86_64-linux-gnu/bin/python','/usr/bin/python3.11');
INSERT INTO "offer" VALUES('pi1',2,'','');
INSERT INTO "offer" VALUES('pi2',2,'','');
CREATE TABLE owner (
        system TEXT NOT NULL,
        lacks TEXT NOT NULL,
        subject TEXT NOT NULL,
        packages TEXT NOT NULL,        -- JSON list, the best first; empty: nobody has it
        asked_at REAL NOT NULL,
        PRIMARY KEY (system, lacks, subject)
    ) WITHOUT ROWID;
INSERT INTO "owner" VALUES('debian-12-linux_aarch64','header','yaml.h','["libyaml-dev", "libyaml-cpp-dev"]',1700000000.0);
INSERT INTO "owner" VALUES('debian-12-linux_aarch64','library','usb-1.0','["libusb-1.0-0-dev"]',1700000000.0);
INSERT INTO "owner" VALUES('debian-13-linux_aarch64','header','yaml.h','["libyaml-dev", "libyaml-cpp-dev"]',1700000000.0);
CREATE TABLE page (
        project_id INTEGER PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        summary TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL,          -- of all its releases the one that matters most (publish/tally.py)
        as_a_whole TEXT,               -- status of the project itself, where its releases do not tell all
        listed INTEGER NOT NULL        -- whether simple/ has a page of it
    );
INSERT INTO "page" VALUES(1,'cext','cext','Klein, aber größer als nichts: cext','built',NULL,0);
INSERT INTO "page" VALUES(2,'clocked','clocked','Klein, aber größer als nichts: clocked','built',NULL,0);
INSERT INTO "page" VALUES(3,'served','served','','upstream',NULL,0);
INSERT INTO "page" VALUES(4,'needscups','needscups','Klein, aber größer als nichts: needscups','failed',NULL,0);
INSERT INTO "page" VALUES(5,'old','old','Klein, aber größer als nichts: old','built',NULL,0);
INSERT INTO "page" VALUES(6,'needy','needy','Klein, aber größer als nichts: needy','built',NULL,0);
INSERT INTO "page" VALUES(7,'unknown-thing','unknown-thing','','not-found','not-found',0);
INSERT INTO "page" VALUES(8,'purely','purely','Klein, aber größer als nichts: purely','built',NULL,0);
INSERT INTO "page" VALUES(9,'pyyaml','PyYAML','','failed',NULL,0);
INSERT INTO "page" VALUES(10,'pyusb','pyusb','','waiting',NULL,0);
INSERT INTO "page" VALUES(11,'libcups-thing','libcups-thing','','failed',NULL,0);
INSERT INTO "page" VALUES(12,'demo','Demo','Changed','built',NULL,0);
INSERT INTO "page" VALUES(13,'lxml','lxml','','waiting',NULL,0);
INSERT INTO "page" VALUES(14,'broken','broken','','waiting',NULL,0);
INSERT INTO "page" VALUES(15,'torch','torch','','skipped',NULL,0);
INSERT INTO "page" VALUES(16,'pre','pre','','passed',NULL,0);
INSERT INTO "page" VALUES(17,'gone-thing','gone-thing','','not-found','not-found',0);
INSERT INTO "page" VALUES(18,'unreadable','unreadable','','trouble','trouble',0);
CREATE TABLE page_news (name TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "page_news" VALUES('demo');
CREATE TABLE project (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'new'
            CHECK (state IN ('new', 'present', 'absent', 'deleted', 'quarantined')),
        in_scope INTEGER NOT NULL DEFAULT 0,
        want_serial INTEGER,
        have_serial INTEGER,
        etag TEXT,
        last_modified TEXT,
        page_digest TEXT,          -- of the parsed page: an unchanged page is no change, ETag or not
        read_at REAL,              -- when the page behind these rows was read
        problem TEXT,              -- why the last look failed: one sentence, NULL when it did not
        retry_at REAL,             -- do not ask before (429 and growing waits)
        judged INTEGER NOT NULL DEFAULT 0,  -- whether the verdicts follow from the rows as they are now
        judge_at REAL,             -- when time alone changes a verdict (a cool-down ends)
        pages_stale INTEGER NOT NULL DEFAULT 0
    , status TEXT, status_reason TEXT, remedies TEXT);
INSERT INTO "project" VALUES(1,'cext','cext','present',1,NULL,3,'"9c4efb238f21feccbe09ee6788e22824"',NULL,'0de3bc577ad2c2035bbcfb715d5ff722dcdd7111e4411055c99ceb3f50fb625e',1.79599305351695203783e+09,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(2,'clocked','clocked','present',1,NULL,16,'"11bd122d79006169fd044fddf018c0ce"',NULL,'503f64b433937fa7ff6f5f7998b598392379ad1d0125f30634b7f25971c570db',1.79599305351869082455e+09,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(3,'served','served','present',1,NULL,10,'"a37181c4e59694684d987faa629112c5"',NULL,'5791bd540f9817a30fd57b137acf1b85ae4724155435c960ea6d36f982308aa8',1.7959930535184953213e+09,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(4,'needscups','needscups','present',1,NULL,13,'"1049da62232003afd19b9b749bbc0ed0"',NULL,'c2d0bf59bf7c7b5a7142c61d254b74750ac6e0d7c95b09a93040e574d13eebae',1.79599305351891946795e+09,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(5,'old','old','present',1,NULL,27,'"aec780b84a3f5a7587a4f4ab89d40d8e"',NULL,'2282cd2e50a9009f442fbddc64f4364b6f47495a96218a4c7327b6a25d8301be',1.79599305351884794236e+09,NULL,NULL,1,NULL,0,NULL,NULL,'[{"name": "setuptools<58", "why": "use_2to3 left setuptools in 58.", "change": {"constraints": ["setuptools<58"]}}]');
INSERT INTO "project" VALUES(6,'needy','needy','present',1,NULL,30,'"d4c5c2593b576dfe0f4b5143560a2495"',NULL,'8ad05d1a7c1346ef3a7e47d96cdd86d44e80dcbd301210f8dba977372ce2c3b4',1.79599305351877140991e+09,NULL,NULL,1,NULL,0,NULL,NULL,'[{"name": "declared requirement helping", "why": "The build imports helping, which the project declares, but not for its build.", "change": {"requires": ["helping"]}}]');
INSERT INTO "project" VALUES(7,'unknown-thing','unknown-thing','absent',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(8,'purely','purely','present',1,NULL,6,'"af884fd81f771d245a591ba385c0bf40"',NULL,'aadc28e960b40103179d3ed9d800b21725953ea0f9f5f50be8a67decde676df7',1.79599307138363790516e+09,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(9,'pyyaml','PyYAML','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(10,'pyusb','pyusb','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,1,NULL,NULL,NULL);
INSERT INTO "project" VALUES(11,'libcups-thing','libcups-thing','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(12,'demo','Demo','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(13,'lxml','lxml','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(14,'broken','broken','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(15,'torch','torch','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(16,'pre','pre','present',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(17,'gone-thing','gone-thing','absent',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,0,NULL,NULL,NULL);
INSERT INTO "project" VALUES(18,'unreadable','unreadable','present',1,NULL,NULL,NULL,NULL,NULL,NULL,'Its page cannot be read (503).',NULL,1,NULL,0,NULL,NULL,NULL);
CREATE TABLE queue_hour (hour INTEGER PRIMARY KEY, queued INTEGER NOT NULL);
INSERT INTO "queue_hour" VALUES(498886,0);
INSERT INTO "queue_hour" VALUES(498887,3);
CREATE TABLE recipe (name TEXT PRIMARY KEY, digest TEXT NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "recipe" VALUES('adafruit-dht','190ec76f8ad18c9666aa4c547eda25c9','{"name": "adafruit-dht", "reason": "setup.py compiles the driver of the board that it runs on. With this it is that of a Raspberry Pi 2 and later, on any builder, and for armv6l that of a Pi 1 or Zero.", "sections": [{"versions": "", "target": "", "change": {"config_settings": {"--build-option": "--force-pi2"}}, "apt": [], "skip": ""}, {"versions": "", "target": "armv6l", "change": {"config_settings": {"--build-option": "--force-pi"}}, "apt": [], "skip": ""}]}');
INSERT INTO "recipe" VALUES('picamera','e6bcc4c330c7c23cf89ab128fa944de0','{"name": "picamera", "reason": "setup.py of 1.13 refuses what is no Raspberry Pi; for this variable it lets all others build it too.", "sections": [{"versions": "", "target": "", "change": {"environment": {"READTHEDOCS": "True"}}, "apt": [], "skip": ""}]}');
CREATE TABLE release (
        id INTEGER PRIMARY KEY,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        version TEXT NOT NULL, gone_at REAL,     -- PEP 440 normalised
        UNIQUE (project_id, version)
    );
INSERT INTO "release" VALUES(1,1,'1.0',NULL);
INSERT INTO "release" VALUES(2,3,'3.0',NULL);
INSERT INTO "release" VALUES(3,2,'1.0',NULL);
INSERT INTO "release" VALUES(4,6,'1.0',NULL);
INSERT INTO "release" VALUES(5,5,'1.0',NULL);
INSERT INTO "release" VALUES(6,4,'4.0',NULL);
INSERT INTO "release" VALUES(7,8,'2.0',NULL);
INSERT INTO "release" VALUES(8,9,'1.0',NULL);
INSERT INTO "release" VALUES(9,10,'1.0',NULL);
INSERT INTO "release" VALUES(10,11,'1.0',NULL);
INSERT INTO "release" VALUES(11,12,'1.0',NULL);
INSERT INTO "release" VALUES(12,12,'1.1',NULL);
INSERT INTO "release" VALUES(13,13,'6.0',NULL);
INSERT INTO "release" VALUES(14,14,'2.0',NULL);
INSERT INTO "release" VALUES(15,15,'2.9.0',NULL);
INSERT INTO "release" VALUES(16,16,'3.0rc1',NULL);
CREATE TABLE remedy_use (
        name TEXT PRIMARY KEY,
        tried INTEGER NOT NULL DEFAULT 0,
        helped INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
INSERT INTO "remedy_use" VALUES('declared requirement helping',1,1);
INSERT INTO "remedy_use" VALUES('setuptools<58',1,1);
CREATE TABLE resolution (
        path TEXT NOT NULL,            -- the file, as controller_requirements names it
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,          -- of what was asked
        resolved_at REAL NOT NULL,
        pages TEXT NOT NULL,           -- digest of the closure's pages, as they were
        pins TEXT NOT NULL,            -- JSON list of [name, version]
        lines TEXT NOT NULL,           -- JSON list of the lines that were resolved
        unresolved TEXT NOT NULL,      -- JSON list of {"line", "reason"}
        problem TEXT,                  -- why nothing was resolved
        log TEXT NOT NULL,             -- pip's; empty where everything was resolved
        PRIMARY KEY (path, target_id)
    ) WITHOUT ROWID;
INSERT INTO "resolution" VALUES('/srv/requirements.txt',1,'981931ab92e589551d2e1642427898d5',1.79599307134569525718e+09,'again','[["cext", "1.0"], ["purely", "2.0"]]','["cext", "purely==2.0"]','[{"line": "nosuchproject==1.0", "reason": "pip says: Could not find a version that satisfies the requirement nosuchproject==1.0 (from versions: none)."}]',NULL,'::wheelfleet reads the pages of purely, cext, nosuchproject, setuptools

::wheelfleet pip resolves 3 lines: purely==2.0, cext, nosuchproject==1.0
Looking in indexes: http://127.0.0.1:35985/simple/
Collecting purely==2.0 (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 1))
  Downloading purely-2.0.tar.gz (2.7 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
Collecting cext (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 2))
  Downloading cext-1.0.tar.gz (2.9 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
ERROR: Could not find a version that satisfies the requirement nosuchproject==1.0 (from versions: none)
ERROR: No matching distribution found for nosuchproject==1.0

::wheelfleet pip resolves 1 lines: purely==2.0
Looking in indexes: http://127.0.0.1:35985/simple/
Collecting purely==2.0 (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 1))
  Downloading purely-2.0.tar.gz (2.7 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
Would install purely-2.0

::wheelfleet pip resolves 2 lines: purely==2.0, cext
Looking in indexes: http://127.0.0.1:35985/simple/
Collecting purely==2.0 (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 1))
  Downloading purely-2.0.tar.gz (2.7 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
Collecting cext (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 2))
  Downloading cext-1.0.tar.gz (2.9 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
Would install cext-1.0 purely-2.0

::wheelfleet pip resolves 3 lines: purely==2.0, cext, nosuchproject==1.0
Looking in indexes: http://127.0.0.1:35985/simple/
Collecting purely==2.0 (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 1))
  Downloading purely-2.0.tar.gz (2.7 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
Collecting cext (from -r /srv/builder/another-one/resolve/resolve-ed496bd4e603/requirements.txt (line 2))
  Downloading cext-1.0.tar.gz (2.9 kB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status ''done''
  Preparing metadata (pyproject.toml): started
  Preparing metadata (pyproject.toml): finished with status ''done''
ERROR: Could not find a version that satisfies the requirement nosuchproject==1.0 (from versions: none)
ERROR: No matching distribution found for nosuchproject==1.0
');
CREATE TABLE saved_day (day INTEGER PRIMARY KEY, seconds REAL NOT NULL);
INSERT INTO "saved_day" VALUES(20779,36.0);
CREATE TABLE search_word (
        word TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES page (project_id) ON DELETE CASCADE,
        PRIMARY KEY (word, project_id)
    ) WITHOUT ROWID;
INSERT INTO "search_word" VALUES('cext',1);
INSERT INTO "search_word" VALUES('clocked',2);
INSERT INTO "search_word" VALUES('served',3);
INSERT INTO "search_word" VALUES('needscups',4);
INSERT INTO "search_word" VALUES('old',5);
INSERT INTO "search_word" VALUES('needy',6);
INSERT INTO "search_word" VALUES('thing',7);
INSERT INTO "search_word" VALUES('unknown-thing',7);
INSERT INTO "search_word" VALUES('purely',8);
INSERT INTO "search_word" VALUES('pyyaml',9);
INSERT INTO "search_word" VALUES('pyusb',10);
INSERT INTO "search_word" VALUES('libcups-thing',11);
INSERT INTO "search_word" VALUES('thing',11);
INSERT INTO "search_word" VALUES('demo',12);
INSERT INTO "search_word" VALUES('lxml',13);
INSERT INTO "search_word" VALUES('broken',14);
INSERT INTO "search_word" VALUES('torch',15);
INSERT INTO "search_word" VALUES('pre',16);
INSERT INTO "search_word" VALUES('gone-thing',17);
INSERT INTO "search_word" VALUES('thing',17);
INSERT INTO "search_word" VALUES('unreadable',18);
CREATE TABLE serves (
        release_id INTEGER NOT NULL,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        wheel_id INTEGER NOT NULL REFERENCES wheel (id) ON DELETE CASCADE,
        PRIMARY KEY (release_id, target_id, wheel_id)
    ) WITHOUT ROWID;
INSERT INTO "serves" VALUES(1,1,2);
INSERT INTO "serves" VALUES(3,1,1);
INSERT INTO "serves" VALUES(4,1,4);
INSERT INTO "serves" VALUES(5,1,5);
INSERT INTO "serves" VALUES(7,1,3);
INSERT INTO "serves" VALUES(11,2,6);
INSERT INTO "serves" VALUES(12,2,7);
CREATE TABLE shown (
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        status TEXT NOT NULL,
        class TEXT,                    -- of a failure
        at REAL NOT NULL DEFAULT 0, package TEXT,    -- when the attempt behind it ended; 0: there is none
        PRIMARY KEY (release_id, target_id)
    ) WITHOUT ROWID;
INSERT INTO "shown" VALUES(1,1,1,'built',NULL,1.79599308261555147166e+09,NULL);
INSERT INTO "shown" VALUES(2,1,3,'upstream',NULL,0.0,NULL);
INSERT INTO "shown" VALUES(3,1,2,'built',NULL,1.79599307920454740522e+09,NULL);
INSERT INTO "shown" VALUES(4,1,6,'built',NULL,1.79599308670959734914e+09,NULL);
INSERT INTO "shown" VALUES(5,1,5,'built',NULL,1.79599309918140959737e+09,NULL);
INSERT INTO "shown" VALUES(6,1,4,'failed','missing-header',1.79599307942131471635e+09,NULL);
INSERT INTO "shown" VALUES(7,1,8,'built',NULL,1.79599308269287466998e+09,NULL);
INSERT INTO "shown" VALUES(8,2,9,'failed','missing-header',1700000001.0,'libyaml-dev');
INSERT INTO "shown" VALUES(9,2,10,'waiting',NULL,0.0,NULL);
INSERT INTO "shown" VALUES(10,2,11,'failed','missing-header',1700000003.0,'libyaml-dev');
INSERT INTO "shown" VALUES(11,2,12,'built',NULL,1700000004.0,NULL);
INSERT INTO "shown" VALUES(12,2,12,'built',NULL,1700000005.0,NULL);
INSERT INTO "shown" VALUES(13,2,13,'waiting',NULL,0.0,NULL);
INSERT INTO "shown" VALUES(14,2,14,'waiting',NULL,0.0,NULL);
INSERT INTO "shown" VALUES(15,2,15,'skipped',NULL,0.0,NULL);
INSERT INTO "shown" VALUES(16,2,16,'passed',NULL,0.0,NULL);
CREATE TABLE target (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        python_version TEXT NOT NULL,
        implementation TEXT NOT NULL,
        platform TEXT NOT NULL,
        preference INTEGER NOT NULL,   -- lowest is tried first: an old Python's abi3 wheel serves the later ones
        tags TEXT NOT NULL             -- JSON list
    );
INSERT INTO "target" VALUES(1,'cp311-cp311-linux_x86_64-glibc2.36','3.11.7','CPython','linux_x86_64',3011,'["cp311-cp311-linux_x86_64", "cp311-cp311-manylinux_2_36_x86_64", "cp311-cp311-manylinux_2_35_x86_64", "cp311-cp311-manylinux_2_34_x86_64", "cp311-cp311-manylinux_2_33_x86_64", "cp311-cp311-manylinux_2_32_x86_64", "cp311-cp311-manylinux_2_31_x86_64", "cp311-cp311-manylinux_2_30_x86_64", "cp311-abi3-manylinux_2_14_x86_64", "cp310-abi3-manylinux_2_25_x86_64", "cp38-abi3-linux_x86_64", "cp37-abi3-manylinux_2_14_x86_64", "cp35-abi3-manylinux_2_25_x86_64", "cp33-abi3-linux_x86_64", "cp32-abi3-manylinux_2_14_x86_64", "py3-none-manylinux_2_25_x86_64", "py39-none-linux_x86_64", "py38-none-manylinux_2_14_x86_64", "py36-none-manylinux_2_25_x86_64", "py34-none-linux_x86_64", "py33-none-manylinux_2_14_x86_64", "py31-none-manylinux_2_25_x86_64", "cp311-none-any", "py3-none-any"]');
INSERT INTO "target" VALUES(2,'cp311-cp311-linux_aarch64-glibc2.36','3.11','cpython','linux_aarch64',1,'[]');
CREATE TABLE total (kind TEXT NOT NULL, key TEXT NOT NULL, value NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
INSERT INTO "total" VALUES('as-a-whole','',15);
INSERT INTO "total" VALUES('as-a-whole','not-found',2);
INSERT INTO "total" VALUES('as-a-whole','trouble',1);
INSERT INTO "total" VALUES('build-seconds','',101.747);
INSERT INTO "total" VALUES('bytes','',7911);
INSERT INTO "total" VALUES('class-builds','compile-error',0);
INSERT INTO "total" VALUES('class-builds','missing-header',3);
INSERT INTO "total" VALUES('class-lookups','compile-error',0);
INSERT INTO "total" VALUES('class-lookups','missing-header',5);
INSERT INTO "total" VALUES('class-projects','compile-error',0);
INSERT INTO "total" VALUES('class-projects','missing-header',3);
INSERT INTO "total" VALUES('downloads','',3);
INSERT INTO "total" VALUES('host-builds','another-one',3);
INSERT INTO "total" VALUES('host-builds','one',5);
INSERT INTO "total" VALUES('host-builds','pi1',5);
INSERT INTO "total" VALUES('host-builds','pi2',1);
INSERT INTO "total" VALUES('host-built','another-one',2);
INSERT INTO "total" VALUES('host-built','one',3);
INSERT INTO "total" VALUES('host-built','pi1',2);
INSERT INTO "total" VALUES('host-built','pi2',0);
INSERT INTO "total" VALUES('host-seconds','another-one',8.87300000000000110844e+00);
INSERT INTO "total" VALUES('host-seconds','one',20.874);
INSERT INTO "total" VALUES('host-seconds','pi1',60.0);
INSERT INTO "total" VALUES('host-seconds','pi2',12.0);
INSERT INTO "total" VALUES('listed','',0);
INSERT INTO "total" VALUES('outcome','built',7);
INSERT INTO "total" VALUES('outcome','failed',7);
INSERT INTO "total" VALUES('package-builds','libyaml-dev',2);
INSERT INTO "total" VALUES('package-lookups','libyaml-dev',5);
INSERT INTO "total" VALUES('package-projects','libyaml-dev',2);
INSERT INTO "total" VALUES('page','built',6);
INSERT INTO "total" VALUES('page','failed',3);
INSERT INTO "total" VALUES('page','not-found',2);
INSERT INTO "total" VALUES('page','passed',1);
INSERT INTO "total" VALUES('page','skipped',1);
INSERT INTO "total" VALUES('page','trouble',1);
INSERT INTO "total" VALUES('page','upstream',1);
INSERT INTO "total" VALUES('page','waiting',3);
INSERT INTO "total" VALUES('saved-seconds','',36.0);
INSERT INTO "total" VALUES('status','built',7);
INSERT INTO "total" VALUES('status','failed',3);
INSERT INTO "total" VALUES('status','passed',1);
INSERT INTO "total" VALUES('status','skipped',1);
INSERT INTO "total" VALUES('status','upstream',1);
INSERT INTO "total" VALUES('status','waiting',3);
INSERT INTO "total" VALUES('target-bytes','1',6213);
INSERT INTO "total" VALUES('target-bytes','2',1698);
INSERT INTO "total" VALUES('target-wheels','1',5);
INSERT INTO "total" VALUES('target-wheels','2',2);
INSERT INTO "total" VALUES('unknown-names','20779',1);
INSERT INTO "total" VALUES('wheels','',7);
CREATE TABLE unblocked (
        package TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        builds INTEGER NOT NULL,
        lookups INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (package, project_id)
    ) WITHOUT ROWID;
INSERT INTO "unblocked" VALUES('libyaml-dev',9,1,5);
INSERT INTO "unblocked" VALUES('libyaml-dev',11,1,0);
CREATE TABLE unconsidered (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,       -- who found it; a source replaces what it said before
        what TEXT NOT NULL,         -- as the operator wrote it
        "where" TEXT NOT NULL,      -- FILE:LINE, or the variable
        code TEXT NOT NULL,
        sentence TEXT NOT NULL,
        cure TEXT NOT NULL
    , log TEXT NOT NULL DEFAULT '');
INSERT INTO "unconsidered" VALUES(1,'packages','unknown-thing','controller_packages','unknown-project','Upstream knows no project of this name.','Correct the name in controller_packages, or remove it.','');
INSERT INTO "unconsidered" VALUES(2,'requirements','nosuchproject==1.0','/srv/requirements.txt:3','requirement','It cannot be resolved for cp311-cp311-linux_x86_64-glibc2.36: pip says: Could not find a version that satisfies the requirement nosuchproject==1.0 (from versions: none).','Correct the line, or remove it; until then each run asks again.','report/requirements/f0dac229d48e-1.html');
CREATE TABLE upstream_file (
        id INTEGER PRIMARY KEY,
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        filename TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('sdist', 'wheel')),
        url TEXT NOT NULL,
        sha256 TEXT,
        size INTEGER,
        upload_time TEXT,
        requires_python TEXT,
        yanked TEXT, metadata_sha256 TEXT, provenance TEXT, first_seen REAL,               -- NULL: not yanked; else the reason, may be empty (PEP 592)
        UNIQUE (release_id, filename)
    );
INSERT INTO "upstream_file" VALUES(1,1,'cext-1.0.tar.gz','sdist','http://127.0.0.2:38541/files/cext/cext-1.0.tar.gz','7d29390bedd30571927930f5c0364979283b2e9b00a9f46aa4a9b34eb59d0dda',2871,'2024-01-01T00:00:03Z',NULL,NULL,NULL,NULL,1.79599305351695203783e+09);
INSERT INTO "upstream_file" VALUES(2,2,'served-3.0.tar.gz','sdist','http://127.0.0.2:38541/files/served/served-3.0.tar.gz','7272a198c83bda1b430290e9ae2439687bf4c2a55ac1767598b646ab609c9922',2708,'2024-01-01T00:00:09Z',NULL,NULL,NULL,NULL,1.7959930535184953213e+09);
INSERT INTO "upstream_file" VALUES(3,2,'served-3.0-py3-none-any.whl','wheel','http://127.0.0.2:38541/files/served/served-3.0-py3-none-any.whl','e621828e165ef4575ffccbb0b057aa105276fdbf792fbece3e444862403e3adf',848,'2024-01-01T00:00:10Z',NULL,NULL,'ba2d0ed33086d821a6da5736301c37034e00d6176835a99d80b589313f4e90ed',NULL,1.7959930535184953213e+09);
INSERT INTO "upstream_file" VALUES(4,3,'clocked-1.0.tar.gz','sdist','http://127.0.0.2:38541/files/clocked/clocked-1.0.tar.gz','3eaf4ea5848205d00382be29471b5fcefe9697800529419293737b5e93f68593',2775,'2024-01-01T00:00:16Z',NULL,NULL,NULL,NULL,1.79599305351869082455e+09);
INSERT INTO "upstream_file" VALUES(5,4,'needy-1.0.tar.gz','sdist','http://127.0.0.2:38541/files/needy/needy-1.0.tar.gz','971cb7378410731ad753f556f3cb9ef79ddeb044f07d3354ae77c4360b18b127',2747,'2024-01-01T00:00:30Z',NULL,NULL,NULL,NULL,1.79599305351877140991e+09);
INSERT INTO "upstream_file" VALUES(6,5,'old-1.0.tar.gz','sdist','http://127.0.0.2:38541/files/old/old-1.0.tar.gz','35ce0cf358b82b9be2ac8c469fd367cf125dca3316550827388bb267eae2db2e',401,'2024-01-01T00:00:27Z',NULL,NULL,NULL,NULL,1.79599305351884794236e+09);
INSERT INTO "upstream_file" VALUES(7,6,'needscups-4.0.tar.gz','sdist','http://127.0.0.2:38541/files/needscups/needscups-4.0.tar.gz','4674489b5f412d8ff22bc4ffa095934e7ffe8718d5c26538f12d1a8fe8533887',2885,'2024-01-01T00:00:13Z',NULL,NULL,NULL,NULL,1.79599305351891946795e+09);
INSERT INTO "upstream_file" VALUES(8,7,'purely-2.0.tar.gz','sdist','http://127.0.0.2:38541/files/purely/purely-2.0.tar.gz','982b382958a262bb4dd323dcac064d6711922aae001dbca300b64fea7edd4f60',2706,'2024-01-01T00:00:06Z',NULL,NULL,NULL,NULL,1.79599307138363790516e+09);
INSERT INTO "upstream_file" VALUES(9,8,'pyyaml-1.0.tar.gz','sdist','/files/pyyaml-1.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(10,9,'pyusb-1.0.tar.gz','sdist','/files/pyusb-1.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(11,10,'libcups_thing-1.0.tar.gz','sdist','/files/libcups_thing-1.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(12,11,'demo-1.0.tar.gz','sdist','/files/demo-1.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(13,12,'demo-1.1.tar.gz','sdist','/files/demo-1.1.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(14,13,'lxml-6.0.tar.gz','sdist','/files/lxml-6.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(15,14,'broken-2.0.tar.gz','sdist','/files/broken-2.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(16,15,'torch-2.9.0.tar.gz','sdist','/files/torch-2.9.0.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "upstream_file" VALUES(17,16,'pre-3.0rc1.tar.gz','sdist','/files/pre-3.0rc1.tar.gz',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE use_day (
        name TEXT NOT NULL,
        day INTEGER NOT NULL,
        downloads INTEGER NOT NULL DEFAULT 0,
        lookups INTEGER NOT NULL DEFAULT 0,
        saved_seconds REAL NOT NULL DEFAULT 0,   -- what building here took, times downloads
        PRIMARY KEY (name, day)
    ) WITHOUT ROWID;
INSERT INTO "use_day" VALUES('demo',20779,3,0,36.0);
INSERT INTO "use_day" VALUES('nobody-knows',20779,0,2,0.0);
INSERT INTO "use_day" VALUES('pyyaml',20779,0,5,0.0);
CREATE TABLE use_total (
        name TEXT PRIMARY KEY,
        downloads INTEGER NOT NULL,
        lookups INTEGER NOT NULL,
        saved_seconds REAL NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "use_total" VALUES('demo',3,0,36.0);
INSERT INTO "use_total" VALUES('nobody-knows',0,2,0.0);
INSERT INTO "use_total" VALUES('pyyaml',0,5,0.0);
CREATE TABLE wanted (
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        verdict TEXT NOT NULL CHECK (verdict IN ('build', 'upstream', 'skip', 'passed')),
        reason TEXT NOT NULL,
        sdist_id INTEGER REFERENCES upstream_file (id) ON DELETE SET NULL,
        need TEXT NOT NULL DEFAULT 'none' CHECK (need IN ('now', 'later', 'none')),
        predicted_seconds REAL NOT NULL DEFAULT 0,
        PRIMARY KEY (release_id, target_id)
    ) WITHOUT ROWID;
INSERT INTO "wanted" VALUES(1,1,'build','upstream has no wheel this target can install',1,'none',3.446);
INSERT INTO "wanted" VALUES(2,1,'upstream','upstream serves served-3.0-py3-none-any.whl',NULL,'none',0.0);
INSERT INTO "wanted" VALUES(3,1,'build','upstream has no wheel this target can install',4,'none',2.37);
INSERT INTO "wanted" VALUES(4,1,'build','upstream has no wheel this target can install',5,'none',6.17981214433737324753e+00);
INSERT INTO "wanted" VALUES(5,1,'build','upstream has no wheel this target can install',6,'none',4.00737049638289590794e+01);
INSERT INTO "wanted" VALUES(6,1,'build','upstream has no wheel this target can install',7,'none',2.446);
INSERT INTO "wanted" VALUES(7,1,'build','upstream has no wheel this target can install',8,'none',7.28299439665585612857e+00);
INSERT INTO "wanted" VALUES(8,2,'build','upstream has no wheel this target can install',9,'none',0.0);
INSERT INTO "wanted" VALUES(9,2,'build','upstream has no wheel this target can install',10,'now',0.0);
INSERT INTO "wanted" VALUES(10,2,'build','upstream has no wheel this target can install',11,'none',0.0);
INSERT INTO "wanted" VALUES(11,2,'build','upstream has no wheel this target can install',NULL,'none',0.0);
INSERT INTO "wanted" VALUES(12,2,'build','upstream has no wheel this target can install',NULL,'none',0.0);
INSERT INTO "wanted" VALUES(13,2,'build','upstream has no wheel this target can install',NULL,'now',0.0);
INSERT INTO "wanted" VALUES(14,2,'build','upstream has no wheel this target can install',NULL,'now',0.0);
INSERT INTO "wanted" VALUES(15,2,'skip','takes three days',NULL,'none',0.0);
INSERT INTO "wanted" VALUES(16,2,'passed','a pre-release',NULL,'none',0.0);
CREATE TABLE wheel (
        id INTEGER PRIMARY KEY,
        release_id INTEGER NOT NULL REFERENCES release (id),
        attempt_id TEXT NOT NULL REFERENCES attempt (id),
        filename TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        metadata_sha256 TEXT NOT NULL,
        requires_python TEXT,
        tags TEXT NOT NULL,            -- JSON list, as in the file name
        added_at REAL NOT NULL
    , removed_at REAL, repaired TEXT, apt TEXT NOT NULL DEFAULT '[]', imports TEXT CHECK (imports IN ('imported', 'failed', 'unchecked')), import_facts TEXT, built TEXT, sdist_filename TEXT, sdist_sha256 TEXT, rebuild INTEGER NOT NULL DEFAULT 0);
INSERT INTO "wheel" VALUES(1,3,'clocked-1.0-d605c27f','clocked-1.0-py3-none-any.whl','81df5f4b5574e4f2d3b039ed3acaca3a7b11a49afbb198d532051ba709236c58',927,'9b06c6ee823b63d069e5c11ebc15a065470d55efb580ce1d57655a386bd4086f',NULL,'["py3-none-any"]',1.79599307920454740522e+09,NULL,NULL,'[]',NULL,NULL,NULL,'clocked-1.0.tar.gz','3eaf4ea5848205d00382be29471b5fcefe9697800529419293737b5e93f68593',0);
INSERT INTO "wheel" VALUES(2,1,'cext-1.0-4f1d35e1','cext-1.0-cp311-cp311-linux_x86_64.whl','b5e03b619634bde471a27d68aadee6f6f2a546d68a033acaced2222523b5eccf',2392,'3fd6fe05cce9e2e313def7cb0796d0115dab22cbb3cc761bb43e65f10a079366',NULL,'["cp311-cp311-linux_x86_64"]',1.79599308261555147166e+09,NULL,NULL,'[]',NULL,NULL,NULL,'cext-1.0.tar.gz','7d29390bedd30571927930f5c0364979283b2e9b00a9f46aa4a9b34eb59d0dda',0);
INSERT INTO "wheel" VALUES(3,7,'purely-2.0-3ceaa572','purely-2.0-py3-none-any.whl','fe2ca606b986c3f6030415f49ec1225315c2aaf3b117f2de7bf919fca4debcc1',916,'05887b19182f0b20f26824a7e03344643408c288851a7a4b79abadfea20816f6',NULL,'["py3-none-any"]',1.79599308269287466998e+09,NULL,NULL,'[]',NULL,NULL,NULL,'purely-2.0.tar.gz','982b382958a262bb4dd323dcac064d6711922aae001dbca300b64fea7edd4f60',0);
INSERT INTO "wheel" VALUES(4,4,'needy-1.0-7363aea2','needy-1.0-py3-none-any.whl','1d440dde8d113c1c31671c0c78ae2bff0dac141c797004eefc93e9ef24c5d9db',930,'6a1a3081ff1528022aa50deeae6369760c24921705bdf75223e23a168bf08ced',NULL,'["py3-none-any"]',1.79599308670959734914e+09,NULL,NULL,'[]',NULL,NULL,NULL,'needy-1.0.tar.gz','971cb7378410731ad753f556f3cb9ef79ddeb044f07d3354ae77c4360b18b127',0);
INSERT INTO "wheel" VALUES(5,5,'old-1.0-4b92ffaa','old-1.0-py3-none-any.whl','527b0a584204ac56aaf29584b77f91185dd0331181f45de28fd7a8a0c3bd8af3',1048,'1c7c37b21a93484e89e95e99eac08207a94847de48fc2f05361064f4a495d87d',NULL,'["py3-none-any"]',1.79599309918140959737e+09,NULL,NULL,'[]',NULL,NULL,NULL,'old-1.0.tar.gz','35ce0cf358b82b9be2ac8c469fd367cf125dca3316550827388bb267eae2db2e',0);
INSERT INTO "wheel" VALUES(6,11,'demo-1.0-00000004','demo-1.0-py3-none-any.whl','b4fab0b2a1288df1509e85f692fe25c0b58531444dc69c4d07c7a2be064811f6',854,'785d0093d068c2bc074f92d0629dd345955c68b18c1cb08aa47ee2ead3b0d16d',NULL,'["py3-none-any"]',1700000000.25,NULL,NULL,'[]',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "wheel" VALUES(7,12,'demo-1.1-00000005','demo-1.1-cp311-cp311-linux_aarch64.whl','4517e82a903394754fa49730f05bd8ab3a37981d4b9383a129e1cb2094c7670b',844,'0cf523873a3ad1fe476b7e8bf578b773a50985d9838a87dd77362cc9a1c2b0b0',NULL,'["cp311-cp311-linux_aarch64"]',1700000000.25,NULL,NULL,'[]',NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE witness (
        wheel_id INTEGER PRIMARY KEY REFERENCES wheel (id) ON DELETE CASCADE,
        id TEXT NOT NULL UNIQUE,       -- the name of its inbox and outbox entry
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        finished_at REAL,
        verdict TEXT CHECK (verdict IN ('agrees', 'differs', 'failed')),
        sha256 TEXT,                   -- of the wheel that it made
        sentence TEXT,                 -- what differs, or why it could not be built
        differences TEXT               -- JSON list: files in the wheel, the first of them
    );
INSERT INTO "witness" VALUES(1,'witness--82e60d0a','20261129T225726Z-32191','another-one',1.79599310571155667301e+09,1.79599311132933306695e+09,'differs','80d313d8cc314b3d0a1bac16e629a3c0d4eb1af9eeccd93ed9f9460949eb9215','Other bytes in clocked.py.','["clocked.py"]');
INSERT INTO "witness" VALUES(2,'witness--3542805a','20261129T225726Z-32191','one',1.79599310656791591638e+09,1.79599311148537921908e+09,'agrees','b5e03b619634bde471a27d68aadee6f6f2a546d68a033acaced2222523b5eccf',NULL,'[]');
INSERT INTO "witness" VALUES(3,'witness--4d683118','20261129T225726Z-32191','another-one',1.79599311138997077942e+09,1.79599311653010272984e+09,'agrees','fe2ca606b986c3f6030415f49ec1225315c2aaf3b117f2de7bf919fca4debcc1',NULL,'[]');
INSERT INTO "witness" VALUES(4,'witness--764f8b74','20261129T225726Z-32191','one',1.79599311151695156104e+09,1.79599311783350825311e+09,'agrees','1d440dde8d113c1c31671c0c78ae2bff0dac141c797004eefc93e9ef24c5d9db',NULL,'[]');
INSERT INTO "witness" VALUES(5,'witness--db8bc423','20261129T225726Z-32191','another-one',1.79599311654142761228e+09,1.79599312580921125414e+09,'agrees','527b0a584204ac56aaf29584b77f91185dd0331181f45de28fd7a8a0c3bd8af3',NULL,'[]');
CREATE INDEX project_stale ON project (id) WHERE pages_stale;
CREATE INDEX project_unjudged ON project (id) WHERE NOT judged;
CREATE INDEX project_judge_at ON project (judge_at) WHERE judge_at IS NOT NULL;
CREATE INDEX wanted_now ON wanted (target_id, predicted_seconds DESC, release_id) WHERE need = 'now';
CREATE INDEX wanted_later ON wanted (release_id) WHERE need = 'later';
CREATE INDEX batch_open ON batch (host) WHERE state = 'open';
CREATE INDEX attempt_release ON attempt (release_id, target_id);
CREATE INDEX attempt_batch ON attempt (batch_id);
CREATE INDEX attempt_open ON attempt (release_id, target_id) WHERE state = 'open';
CREATE INDEX attempt_finished ON attempt (finished_at);
CREATE INDEX wheel_release ON wheel (release_id);
CREATE TRIGGER report_project_insert AFTER INSERT ON project
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_project_delete AFTER DELETE ON project
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_project_update AFTER UPDATE OF
            display_name, state, in_scope, problem, judged
        ON project WHEN
            OLD.display_name IS NOT NEW.display_name OR OLD.state IS NOT NEW.state OR OLD.in_scope IS NOT
            NEW.in_scope OR OLD.problem IS NOT NEW.problem OR OLD.judged IS NOT NEW.judged
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_wanted_insert AFTER INSERT ON wanted
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_wanted_delete AFTER DELETE ON wanted
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_wanted_update AFTER UPDATE OF
            verdict, reason, need
        ON wanted WHEN
            OLD.verdict IS NOT NEW.verdict OR OLD.reason IS NOT NEW.reason OR OLD.need IS NOT NEW.need
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_attempt_insert AFTER INSERT ON attempt
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_attempt_delete AFTER DELETE ON attempt
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_attempt_update AFTER UPDATE OF
            state, outcome, class, blocks, forgiven, sentence, evidence, remedy, seconds, finished_at, log
        ON attempt WHEN
            OLD.state IS NOT NEW.state OR OLD.outcome IS NOT NEW.outcome OR OLD.class IS NOT NEW.class OR
            OLD.blocks IS NOT NEW.blocks OR OLD.forgiven IS NOT NEW.forgiven OR OLD.sentence IS NOT
            NEW.sentence OR OLD.evidence IS NOT NEW.evidence OR OLD.remedy IS NOT NEW.remedy OR
            OLD.seconds IS NOT NEW.seconds OR OLD.finished_at IS NOT NEW.finished_at OR OLD.log IS
            NOT NEW.log
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_wheel_insert AFTER INSERT ON wheel
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_wheel_delete AFTER DELETE ON wheel
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_serves_insert AFTER INSERT ON serves
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_serves_delete AFTER DELETE ON serves
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_offer_insert AFTER INSERT ON offer
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_offer_delete AFTER DELETE ON offer
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE INDEX attempt_run ON attempt (run);
CREATE INDEX attempt_unbuilt ON attempt (run) WHERE outcome IS NOT 'built';
CREATE INDEX attempt_host_open ON attempt (host) WHERE state = 'open';
CREATE INDEX attempt_host_done ON attempt (host, finished_at) WHERE state = 'done';
CREATE INDEX event_at ON event (at);
CREATE TRIGGER report_event_insert AFTER INSERT ON event
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE INDEX release_gone ON release (gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX shown_project ON shown (project_id, class, at);
CREATE INDEX shown_status ON shown (status, at);
CREATE INDEX page_listed ON page (name) WHERE listed;
CREATE INDEX page_best ON page (status, length(name), name);
CREATE INDEX page_as_a_whole ON page (as_a_whole, name) WHERE as_a_whole IS NOT NULL;
CREATE INDEX search_word_project ON search_word (project_id);
CREATE INDEX blocked_lookups ON blocked (class, lookups DESC, project_id);
CREATE INDEX blocked_project ON blocked (project_id);
CREATE INDEX build_day_host ON build_day (host, day);
CREATE INDEX use_total_lookups ON use_total (lookups DESC, name);
CREATE INDEX use_total_downloads ON use_total (downloads DESC, name);
CREATE TRIGGER stale_upstream_file_insert AFTER INSERT ON upstream_file BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_upstream_file_delete AFTER DELETE ON upstream_file BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_upstream_file_update AFTER UPDATE OF url, sha256, size, upload_time, requires_python, yanked, metadata_sha256, provenance ON upstream_file WHEN OLD.url IS NOT NEW.url OR OLD.sha256 IS NOT NEW.sha256 OR OLD.size IS NOT NEW.size OR OLD.upload_time IS NOT NEW.upload_time OR OLD.requires_python IS NOT NEW.requires_python OR OLD.yanked IS NOT NEW.yanked OR OLD.metadata_sha256 IS NOT NEW.metadata_sha256 OR OLD.provenance IS NOT NEW.provenance BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wanted_insert AFTER INSERT ON wanted BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wanted_delete AFTER DELETE ON wanted BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wanted_update AFTER UPDATE OF verdict, reason, need ON wanted WHEN OLD.verdict IS NOT NEW.verdict OR OLD.reason IS NOT NEW.reason OR OLD.need IS NOT NEW.need BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_attempt_insert AFTER INSERT ON attempt BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_attempt_delete AFTER DELETE ON attempt BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_attempt_update AFTER UPDATE OF state, outcome, class, blocks, forgiven, sentence, evidence, remedy, seconds, finished_at, log ON attempt WHEN OLD.state IS NOT NEW.state OR OLD.outcome IS NOT NEW.outcome OR OLD.class IS NOT NEW.class OR OLD.blocks IS NOT NEW.blocks OR OLD.forgiven IS NOT NEW.forgiven OR OLD.sentence IS NOT NEW.sentence OR OLD.evidence IS NOT NEW.evidence OR OLD.remedy IS NOT NEW.remedy OR OLD.seconds IS NOT NEW.seconds OR OLD.finished_at IS NOT NEW.finished_at OR OLD.log IS NOT NEW.log BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wheel_insert AFTER INSERT ON wheel BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wheel_delete AFTER DELETE ON wheel BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_wheel_update AFTER UPDATE OF removed_at ON wheel WHEN OLD.removed_at IS NOT NEW.removed_at BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_serves_insert AFTER INSERT ON serves BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_serves_delete AFTER DELETE ON serves BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_project_update AFTER UPDATE OF display_name, state, in_scope, problem, judged, status, status_reason ON project WHEN OLD.display_name IS NOT NEW.display_name OR OLD.state IS NOT NEW.state OR OLD.in_scope IS NOT NEW.in_scope OR OLD.problem IS NOT NEW.problem OR OLD.judged IS NOT NEW.judged OR OLD.status IS NOT NEW.status OR OLD.status_reason IS NOT NEW.status_reason BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_project_insert AFTER INSERT ON project BEGIN
        UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;
    END;
CREATE TRIGGER stale_target_update AFTER UPDATE OF tags, python_version ON target WHEN OLD.tags IS NOT NEW.tags OR OLD.python_version IS NOT NEW.python_version BEGIN
        UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id IN (SELECT r.project_id FROM serves s JOIN release r ON r.id = s.release_id WHERE s.target_id = NEW.id);
    END;
CREATE TRIGGER stale_offer_insert AFTER INSERT ON offer WHEN NOT EXISTS (SELECT 1 FROM offer WHERE target_id = NEW.target_id AND host <> NEW.host) BEGIN
        UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id IN (SELECT project_id FROM shown WHERE status = 'waiting' AND target_id = NEW.target_id);
    END;
CREATE TRIGGER stale_offer_delete AFTER DELETE ON offer WHEN NOT EXISTS (SELECT 1 FROM offer WHERE target_id = OLD.target_id AND host <> OLD.host) BEGIN
        UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id IN (SELECT project_id FROM shown WHERE status = 'waiting' AND target_id = OLD.target_id);
    END;
CREATE TRIGGER gone_upstream_file_delete AFTER DELETE ON upstream_file BEGIN
        UPDATE release SET gone_at = CAST(strftime('%s', 'now') AS REAL) WHERE id = OLD.release_id AND NOT EXISTS (SELECT 1 FROM upstream_file WHERE release_id = OLD.release_id);
    END;
CREATE TRIGGER gone_upstream_file_insert AFTER INSERT ON upstream_file BEGIN
        UPDATE release SET gone_at = NULL WHERE id = NEW.release_id AND gone_at IS NOT NULL;
    END;
CREATE TRIGGER shown_insert AFTER INSERT ON shown BEGIN
        INSERT INTO total (kind, key, value) VALUES ('status', NEW.status, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO blocked (class, project_id, builds, lookups) SELECT NEW.class, NEW.project_id, 1, coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0) WHERE NEW.class IS NOT NULL ON CONFLICT (class, project_id) DO UPDATE SET builds = builds + 1;
    END;
CREATE TRIGGER shown_delete AFTER DELETE ON shown BEGIN
        INSERT INTO total (kind, key, value) VALUES ('status', OLD.status, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        UPDATE blocked SET builds = builds - 1 WHERE class = OLD.class AND project_id = OLD.project_id;
        DELETE FROM blocked WHERE class = OLD.class AND project_id = OLD.project_id AND builds <= 0;
    END;
CREATE TRIGGER shown_update AFTER UPDATE ON shown WHEN OLD.status IS NOT NEW.status OR OLD.class IS NOT NEW.class BEGIN
        INSERT INTO total (kind, key, value) VALUES ('status', OLD.status, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        UPDATE blocked SET builds = builds - 1 WHERE class = OLD.class AND project_id = OLD.project_id;
        DELETE FROM blocked WHERE class = OLD.class AND project_id = OLD.project_id AND builds <= 0;
        INSERT INTO total (kind, key, value) VALUES ('status', NEW.status, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO blocked (class, project_id, builds, lookups) SELECT NEW.class, NEW.project_id, 1, coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0) WHERE NEW.class IS NOT NULL ON CONFLICT (class, project_id) DO UPDATE SET builds = builds + 1;
    END;
CREATE TRIGGER blocked_insert AFTER INSERT ON blocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('class-builds', NEW.class, NEW.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('class-projects', NEW.class, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('class-lookups', NEW.class, NEW.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER blocked_update AFTER UPDATE ON blocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('class-builds', NEW.class, NEW.builds - OLD.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('class-lookups', NEW.class, NEW.lookups - OLD.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER blocked_delete AFTER DELETE ON blocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('class-builds', OLD.class, -OLD.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('class-projects', OLD.class, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('class-lookups', OLD.class, -OLD.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER page_insert AFTER INSERT ON page BEGIN
        INSERT INTO total (kind, key, value) VALUES ('page', NEW.status, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('listed', '', NEW.listed) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('as-a-whole', coalesce(NEW.as_a_whole, ''), 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO page_news (name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM page_news WHERE name = NEW.name);
    END;
CREATE TRIGGER page_delete AFTER DELETE ON page BEGIN
        INSERT INTO total (kind, key, value) VALUES ('page', OLD.status, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('listed', '', -OLD.listed) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('as-a-whole', coalesce(OLD.as_a_whole, ''), -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO page_news (name) SELECT OLD.name WHERE NOT EXISTS (SELECT 1 FROM page_news WHERE name = OLD.name);
    END;
CREATE TRIGGER page_update AFTER UPDATE ON page WHEN OLD.display_name IS NOT NEW.display_name OR OLD.summary IS NOT NEW.summary OR OLD.status IS NOT NEW.status OR OLD.as_a_whole IS NOT NEW.as_a_whole OR OLD.listed IS NOT NEW.listed BEGIN
        INSERT INTO total (kind, key, value) VALUES ('page', OLD.status, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('listed', '', -OLD.listed) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('as-a-whole', coalesce(OLD.as_a_whole, ''), -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('page', NEW.status, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('listed', '', NEW.listed) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('as-a-whole', coalesce(NEW.as_a_whole, ''), 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO page_news (name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM page_news WHERE name = NEW.name);
    END;
CREATE TRIGGER wheel_before_delete BEFORE DELETE ON wheel BEGIN
        DELETE FROM serves WHERE wheel_id = OLD.id;
    END;
CREATE TRIGGER wheel_insert AFTER INSERT ON wheel BEGIN
        INSERT INTO total (kind, key, value) VALUES ('wheels', '', 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('bytes', '', NEW.size) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER wheel_delete AFTER DELETE ON wheel WHEN OLD.removed_at IS NULL BEGIN
        INSERT INTO total (kind, key, value) VALUES ('wheels', '', -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('bytes', '', -OLD.size) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER wheel_removed AFTER UPDATE OF removed_at ON wheel WHEN OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL BEGIN
        INSERT INTO total (kind, key, value) VALUES ('wheels', '', -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('bytes', '', -OLD.size) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER wheel_returned AFTER UPDATE OF removed_at ON wheel WHEN OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL BEGIN
        INSERT INTO total (kind, key, value) VALUES ('wheels', '', 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('bytes', '', NEW.size) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER serves_insert AFTER INSERT ON serves BEGIN
        INSERT INTO total (kind, key, value) VALUES ('target-wheels', NEW.target_id, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('target-bytes', NEW.target_id, coalesce((SELECT size FROM wheel WHERE id = NEW.wheel_id), 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER serves_delete AFTER DELETE ON serves BEGIN
        INSERT INTO total (kind, key, value) VALUES ('target-wheels', OLD.target_id, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('target-bytes', OLD.target_id, -coalesce((SELECT size FROM wheel WHERE id = OLD.wheel_id), 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER history_attempt_insert AFTER INSERT ON attempt WHEN NEW.state = 'done' AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL BEGIN
        INSERT INTO build_day (day, host, outcome, builds, seconds) VALUES (CAST(NEW.finished_at / 86400 AS INTEGER), NEW.host, NEW.outcome, 1, coalesce(NEW.seconds, 0)) ON CONFLICT (day, host, outcome) DO UPDATE SET builds = builds + 1, seconds = seconds + excluded.seconds;
        INSERT INTO total (kind, key, value) VALUES ('outcome', NEW.outcome, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('build-seconds', '', coalesce(NEW.seconds, 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-builds', NEW.host, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-built', NEW.host, NEW.outcome = 'built') ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-seconds', NEW.host, coalesce(NEW.seconds, 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER history_attempt_update AFTER UPDATE OF state ON attempt WHEN OLD.state <> 'done' AND NEW.state = 'done' AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL BEGIN
        INSERT INTO build_day (day, host, outcome, builds, seconds) VALUES (CAST(NEW.finished_at / 86400 AS INTEGER), NEW.host, NEW.outcome, 1, coalesce(NEW.seconds, 0)) ON CONFLICT (day, host, outcome) DO UPDATE SET builds = builds + 1, seconds = seconds + excluded.seconds;
        INSERT INTO total (kind, key, value) VALUES ('outcome', NEW.outcome, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('build-seconds', '', coalesce(NEW.seconds, 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-builds', NEW.host, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-built', NEW.host, NEW.outcome = 'built') ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('host-seconds', NEW.host, coalesce(NEW.seconds, 0)) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER use_day_insert AFTER INSERT ON use_day BEGIN
        INSERT INTO use_total (name, downloads, lookups, saved_seconds) VALUES (NEW.name, NEW.downloads, NEW.lookups, NEW.saved_seconds) ON CONFLICT (name) DO UPDATE SET downloads = downloads + excluded.downloads, lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds;
        INSERT INTO total (kind, key, value) VALUES ('downloads', '', NEW.downloads) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('saved-seconds', '', NEW.saved_seconds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO saved_day (day, seconds) VALUES (NEW.day, NEW.saved_seconds) ON CONFLICT (day) DO UPDATE SET seconds = seconds + excluded.seconds;
    END;
CREATE TRIGGER use_day_update AFTER UPDATE ON use_day BEGIN
        INSERT INTO use_total (name, downloads, lookups, saved_seconds) VALUES (NEW.name, NEW.downloads - OLD.downloads, NEW.lookups - OLD.lookups, NEW.saved_seconds - OLD.saved_seconds) ON CONFLICT (name) DO UPDATE SET downloads = downloads + excluded.downloads, lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds;
        INSERT INTO total (kind, key, value) VALUES ('downloads', '', NEW.downloads - OLD.downloads) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('saved-seconds', '', NEW.saved_seconds - OLD.saved_seconds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO saved_day (day, seconds) VALUES (NEW.day, NEW.saved_seconds - OLD.saved_seconds) ON CONFLICT (day) DO UPDATE SET seconds = seconds + excluded.seconds;
    END;
CREATE TRIGGER use_total_insert AFTER INSERT ON use_total BEGIN
        UPDATE blocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
        UPDATE project SET pages_stale = 1 WHERE name = NEW.name AND pages_stale <> 1;
    END;
CREATE TRIGGER use_total_update AFTER UPDATE ON use_total BEGIN
        UPDATE blocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
    END;
CREATE TRIGGER use_total_downloads AFTER UPDATE OF downloads ON use_total WHEN OLD.downloads IS NOT NEW.downloads BEGIN
        UPDATE project SET pages_stale = 1 WHERE name = NEW.name AND pages_stale <> 1;
    END;
CREATE TRIGGER report_use_total_insert AFTER INSERT ON use_total BEGIN
        UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
    END;
CREATE TRIGGER report_use_total_update AFTER UPDATE ON use_total BEGIN
        UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
    END;
CREATE INDEX attempt_lacks ON attempt (lacks, subject) WHERE lacks IS NOT NULL;
CREATE INDEX witness_run ON witness (run);
CREATE INDEX witness_unfinished ON witness (host) WHERE verdict IS NULL;
CREATE TRIGGER stale_witness_update AFTER UPDATE OF verdict ON witness WHEN OLD.verdict IS NOT NEW.verdict
        BEGIN
            UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id = (
                SELECT r.project_id FROM wheel w JOIN release r ON r.id = w.release_id WHERE w.id = NEW.wheel_id);
            UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
        END;
CREATE INDEX attempt_settling ON attempt (class, target_id)
        WHERE state = 'done' AND outcome <> 'built' AND NOT forgiven;
CREATE INDEX attempt_waiting ON attempt (wait_until) WHERE wait_until IS NOT NULL;
CREATE INDEX remedy_use_helped ON remedy_use (helped DESC, tried DESC, name);
CREATE TRIGGER stale_attempt_remedies AFTER UPDATE OF remedies, try_with, wait_until ON attempt
        WHEN OLD.remedies IS NOT NEW.remedies OR OLD.try_with IS NOT NEW.try_with
            OR OLD.wait_until IS NOT NEW.wait_until
        BEGIN
            UPDATE project SET pages_stale = 1
                WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
            UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
        END;
CREATE INDEX unblocked_lookups ON unblocked (package, lookups DESC, project_id);
CREATE INDEX unblocked_project ON unblocked (project_id);
CREATE TRIGGER unblocked_shown_insert AFTER INSERT ON shown WHEN NEW.package IS NOT NULL BEGIN
        INSERT INTO unblocked (package, project_id, builds, lookups) SELECT NEW.package, NEW.project_id, 1, coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0) WHERE NEW.package IS NOT NULL ON CONFLICT (package, project_id) DO UPDATE SET builds = builds + 1;
    END;
CREATE TRIGGER unblocked_shown_delete AFTER DELETE ON shown WHEN OLD.package IS NOT NULL BEGIN
        UPDATE unblocked SET builds = builds - 1 WHERE package = OLD.package AND project_id = OLD.project_id;
        DELETE FROM unblocked WHERE package = OLD.package AND project_id = OLD.project_id AND builds <= 0;
    END;
CREATE TRIGGER unblocked_shown_update AFTER UPDATE ON shown WHEN OLD.package IS NOT NEW.package BEGIN
        UPDATE unblocked SET builds = builds - 1 WHERE package = OLD.package AND project_id = OLD.project_id;
        DELETE FROM unblocked WHERE package = OLD.package AND project_id = OLD.project_id AND builds <= 0;
        INSERT INTO unblocked (package, project_id, builds, lookups) SELECT NEW.package, NEW.project_id, 1, coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0) WHERE NEW.package IS NOT NULL ON CONFLICT (package, project_id) DO UPDATE SET builds = builds + 1;
    END;
CREATE TRIGGER unblocked_insert AFTER INSERT ON unblocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('package-builds', NEW.package, NEW.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('package-projects', NEW.package, 1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('package-lookups', NEW.package, NEW.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER unblocked_update AFTER UPDATE ON unblocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('package-builds', NEW.package, NEW.builds - OLD.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('package-lookups', NEW.package, NEW.lookups - OLD.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER unblocked_delete AFTER DELETE ON unblocked BEGIN
        INSERT INTO total (kind, key, value) VALUES ('package-builds', OLD.package, -OLD.builds) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('package-projects', OLD.package, -1) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
        INSERT INTO total (kind, key, value) VALUES ('package-lookups', OLD.package, -OLD.lookups) ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    END;
CREATE TRIGGER unblocked_asked_insert AFTER INSERT ON use_total BEGIN
        UPDATE unblocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
    END;
CREATE TRIGGER unblocked_asked_update AFTER UPDATE ON use_total BEGIN
        UPDATE unblocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
    END;
CREATE TRIGGER stale_wheel_facts AFTER UPDATE OF repaired, apt, imports, import_facts ON wheel WHEN
            OLD.repaired IS NOT NEW.repaired OR OLD.apt IS NOT NEW.apt OR OLD.imports IS NOT NEW.imports OR
            OLD.import_facts IS NOT NEW.import_facts
        BEGIN
            UPDATE project SET pages_stale = 1
            WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
        END;
CREATE INDEX unconsidered_source ON unconsidered (source);
CREATE TRIGGER report_unconsidered_insert AFTER INSERT ON unconsidered
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_unconsidered_delete AFTER DELETE ON unconsidered
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE INDEX given_name_release ON given_name (project, version);
CREATE TRIGGER given_name_wheel AFTER INSERT ON wheel BEGIN
        INSERT INTO given_name SELECT NEW.filename, p.name, r.version, NEW.sha256
            FROM release r JOIN project p ON p.id = r.project_id
            WHERE r.id = NEW.release_id AND NOT EXISTS (SELECT 1 FROM given_name WHERE filename = NEW.filename);
    END;
CREATE TRIGGER stale_wheel_sdist AFTER UPDATE OF sdist_filename, sdist_sha256 ON wheel
        WHEN OLD.sdist_filename IS NOT NEW.sdist_filename OR OLD.sdist_sha256 IS NOT NEW.sdist_sha256
        BEGIN
            UPDATE project SET pages_stale = 1
            WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
        END;
CREATE INDEX project_behind ON project (id) WHERE in_scope AND
        (have_serial IS NULL OR want_serial IS NULL OR have_serial < want_serial OR problem IS NOT NULL);
CREATE TRIGGER report_resolution_insert AFTER INSERT ON resolution
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_resolution_delete AFTER DELETE ON resolution
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
CREATE TRIGGER report_resolution_update AFTER UPDATE OF log ON resolution WHEN OLD.log IS NOT NEW.log
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
PRAGMA user_version = 13;
COMMIT;
