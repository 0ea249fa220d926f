"""The packages of Debian 13 that are named for their 64-bit time_t, and what they were called before.

Made by `python -m tests.support.debian_tables`; do not edit.
"""

_RENAMED = """
coinor-libbonmin4t64 lib3mf1t64 lib4ti2-0t64 libadns1t64 libadolc2t64 libafsauthent2t64 libafsrpc2t64
libafterimage0t64 libafterstep1t64 libagg2t64 libaio1t64 libakai0t64 libaldmb1t64 libalgorithms1t64 liballeggl4.4t64
liballegro-acodec5.2t64 liballegro-audio5.2t64 liballegro-dialog5.2t64 liballegro-image5.2t64 liballegro-physfs5.2t64
liballegro-ttf5.2t64 liballegro-video5.2t64 liballegro4.4t64 liballegro5.2t64 libaml0t64 libangelscript-addon2.35.1t64
libangelscript2.35.1t64 libanthy1t64 libanthyinput0t64 libapbs3t64 libapogee3t64 libapophenia2t64
libappimage1.0abi1t64 libapr1t64 libapriltag3t64 libaprutil1t64 libarchive13t64 libaribb24-0t64 libarpack2t64
libasl0t64 libasm1t64 libasn1-8t64-heimdal libasound2t64 libast2t64 libastrometry0t64 libasyncaudio1.6t64
libasynccore1.6t64 libasynccpp1.6t64 libasyncqt1.6t64 libatk-bridge2.0-0t64 libatk1.0-0t64 libatm1t64 libatopology2t64
libatrildocument3t64 libatrilview3t64 libatspi2.0-0t64 libaudcore5t64 libaudtag3t64 libauparse0t64 libavl1t64
libavogadro2-1t64 libbamf3-2t64 libbase1t64 libbasicobjects0t64 libbde1t64 libbfb0t64 libbigwig0t64 libboinc-app7t64
libboinc7t64 libbpp-core4t64 libbpp-phyl-omics3t64 libbpp-phyl12t64 libbpp-popgen8t64 libbpp-qt2t64 libbpp-raa4t64
libbpp-seq-omics3t64 libbpp-seq12t64 libbraiding0t64 libbson-1.0-0t64 libbtrfs0t64 libbtrfsutil1t64
libbullet-extras3.24t64 libbullet3.24t64 libburn4t64 libcaf-core0.17t64 libcaf-io0.17t64 libcaf-mpich-3t64
libcaf-openssl0.17t64 libcamel-1.2-64t64 libcamp0.8t64 libcanl-c4t64 libcapi20-3t64 libcbf1t64 libccp4c0t64
libccp4f0t64 libcdio++1t64 libcdio-cdda2t64 libcdio-paranoia2t64 libcdio19t64 libcds2.3.3t64 libcegui-mk2-0.8.7t64
libcfitsio10t64 libcgsi-gsoap1t64 libchafa0t64 libchardet1t64 libchicken11t64 libchipcard6t64 libchise1t64
libcifti0t64 libcinnamon-desktop4t64 libck0t64 libckteec0t64 libckyapplet1t64 libclalsadrv2t64 libcli1.10t64
libclsync0t64 libclthreads2t64 libclxclient3t64 libcm256cc1t64 libcmor2t64 libcmph0t64 libcmtspeechdata0t64
libcneartree7t64 libcoap3t64 libcob4t64 libcob5t64 libcodeblocks0t64 libcollectdclient1t64 libcollection4t64
libcolord-gtk1t64 libcolord-gtk4-1t64 libcomedi0t64 libcpp-hocon0.3.0t64 libcppdb-mysql0t64 libcppdb-odbc0t64
libcppdb-postgresql0t64 libcppdb-sqlite3-0t64 libcppdb0t64 libcpprspserver3t64 libcpuset1t64 libcrcutil0t64
libcreg1t64 libcrypto++8t64 libcryptominisat5-5.11t64 libcsmith0t64 libctemplate3t64 libctl7t64 libctpl2t64
libcups2t64 libcupsfilters1t64 libcupsimage2t64 libcupt4-2t64 libcurl3t64-gnutls libcurl4t64 libcurlpp0t64 libcvc0t64
libcvtapi1t64 libcwiid1t64 libcycloneddsidl0t64 libdap27t64 libdar64-6000t64 libdb5.3++t64 libdb5.3t64 libdbi1t64
libdcap1t64 libdebuginfod1t64 libdecoration0t64 libdhash1t64 libdiagnostics0t64 libdico2t64 libdieharder3t64
libdigidoc2t64 libdislocker0.7t64 libdmlc0t64 libdnf2t64 libdnssec9t64 libdnswire1t64 libdolfin2019.2t64
libdolfin64-2019.2t64 libdrumstick-alsa2t64 libdrumstick-file2t64 libdrumstick-rt2t64 libdrumstick-widgets2t64
libdsdcc1t64 libdssialsacompat0t64 libdt-utils5t64 libdumb1t64 libduo3t64 libdv4t64 libdvbv5-0t64 libdvdread8t64
libdw1t64 libdx4t64 libdynamicedt3d1.9t64 libdyssol1.0t64 libeb16t64 libebackend-1.2-11t64 libebook-1.2-21t64
libebook-contacts-1.2-4t64 libecholib1.3t64 libecore-con1t64 libedata-book-1.2-27t64 libedata-cal-2.0-2t64
libedataserver-1.2-27t64 libedataserverui-1.2-4t64 libedataserverui4-1.0-0t64 libee0t64 libeegdev0t64 libefiboot1t64
libefivar1t64 libeiskaltdcpp2.4t64 libelemental0t64 libelf1t64 libelk0t64 libemeraldengine0t64 libendless-0-0t64
libesedb1t64 libetpan20t64 libev4t64 libevd-0.2-0t64 libevdocument3-4t64 libevemu3t64 libevent-2.1-7t64
libevent-core-2.1-7t64 libevent-extra-2.1-7t64 libevent-openssl-2.1-7t64 libevent-pthreads-2.1-7t64 libevhtp0t64
libevt1t64 libevtx1t64 libevview3-3t64 libexadrums2t64 libexplain51t64 libext2fs2t64 libfaifa0t64 libfalcosecurity0t64
libfaust2t64 libfcft4t64 libfcml0t64 libfetk1.9t64 libffindex0t64 libfifechan0.1.5t64 libfileclasses1t64 libfixbuf9t64
libfko3t64 libflame1t64 libflickcurl0t64 libfltk-cairo1.3t64 libfltk-forms1.3t64 libfltk-gl1.3t64 libfltk-images1.3t64
libfltk1.3t64 libfm-extra4t64 libfm4t64 libfoma0t64 libfontembed1t64 libforms2t64 libformsgl2t64 libfpga0t64
libfreefare0t64 libfreenect0.5t64 libfsapfs1t64 libfsext1t64 libfshfs1t64 libfsntfs1t64 libfsplib0t64 libfsxfs1t64
libfuntools1t64 libfuse2t64 libfvde1t64 libfwnt1t64 libfwsi1t64 libfxt2t64 libfyba0t64 libg15daemon-client1t64
libgadu3t64 libgail-3-0t64 libgail18t64 libgambit4t64 libgammu8t64 libgbtools0t64 libgda-5.0-4t64 libgdbm-compat4t64
libgdbm6t64 libgdcm3.0t64 libgdf0t64 libgearman8t64 libgecode49t64 libgecodeflatzinc49t64 libgecodegist49t64
libgegl-0.4-0t64 libgenometools0t64 libgeoip1t64 libgetdns10t64 libgetfem5t64 libgf-complete1t64 libgfal-srm-ifce1t64
libgfal-transfer2t64 libgfal2-2t64 libgfarm1t64 libgfs-1.3-2t64 libgfsgl0t64 libghmm1t64 libgiac0t64 libgig10t64
libgkarrays1t64 libgladeui-2-13t64 libglib2.0-0t64 libglibmm-2.68-1t64 libglobus-authz-callout-error0t64
libglobus-authz0t64 libglobus-callout0t64 libglobus-common0t64 libglobus-ftp-client2t64 libglobus-ftp-control1t64
libglobus-gass-cache5t64 libglobus-gass-copy2t64 libglobus-gass-server-ez2t64 libglobus-gass-transfer2t64
libglobus-gfork0t64 libglobus-gram-client3t64 libglobus-gram-job-manager-callout-error0t64 libglobus-gram-protocol3t64
libglobus-gridftp-server-control0t64 libglobus-gridftp-server6t64 libglobus-gridmap-callout-error0t64
libglobus-gsi-callback0t64 libglobus-gsi-cert-utils0t64 libglobus-gsi-credential1t64 libglobus-gsi-openssl-error0t64
libglobus-gsi-proxy-core0t64 libglobus-gsi-sysconfig1t64 libglobus-gss-assist3t64 libglobus-gssapi-error2t64
libglobus-gssapi-gsi4t64 libglobus-io3t64 libglobus-net-manager0t64 libglobus-openssl-module0t64 libglobus-rsl2t64
libglobus-scheduler-event-generator0t64 libglobus-xio0t64 libglw1t64-mesa libgmerlin2t64 libgmime-3.0-0t64 libgmt6t64
libgnome-bg-4-2t64 libgnome-desktop-3-20t64 libgnome-desktop-4-2t64 libgnome-rr-4-2t64 libgnt0t64
libgnuradio-air-modes1t64 libgnuradio-osmosdr0.2.0t64 libgnutls-dane0t64 libgnutls-openssl27t64 libgnutls30t64
libgoffice-0.10-10t64 libgom-1.0-0t64 libgoogle-glog0v6t64 libgoogle-perftools4t64 libgpgme11t64 libgpgmepp6t64
libgphoto2-6t64 libgphoto2-port12t64 libgpod4t64 libgraphicsmagick++-q16-12t64 libgraphicsmagick-q16-3t64 libgretl1t64
libgridsite6t64 libgroonga0t64 libgroup-service1t64 libgrpc++1.51t64 libgrpc29t64 libgsmsd8t64 libgsound0t64
libgssapi3t64-heimdal libgssrpc4t64 libgtk-3-0t64 libgtk2.0-0t64 libgtkdatabox1t64 libgts-0.7-5t64
libguestfs-gobject-1.0-0t64 libguestfs0t64 libgulkan-0.15-0t64 libguytools2t64 libgvars3-0t64 libgvars3-headless0t64
libgweather-4-0t64 libgwengui-fox16-79t64 libgwengui-gtk3-79t64 libgwengui-qt5-79t64 libgwenhywfar79t64
libgwyddion2-0t64 libgxps2t64 libgxr-0.15-0t64 libgxw0t64 libgxwmm0t64 libhamlib++4t64 libhamlib4t64 libhashkit2t64
libhcrypto5t64-heimdal libhd21t64 libhdb9t64-heimdal libhdfeos0t64 libhe5-hdfeos0t64 libheartbeat2t64
libheimbase1t64-heimdal libheimntlm0t64-heimdal libhfsp0t64 libhighwayhash0t64 libhoel1.4t64 libhogweed6t64 libhts3t64
libhwy1t64 libhx32t64 libhx509-5t64-heimdal libibnetdisc5t64 libibtk0t64 libical3t64 libicapapi5t64 libiddawc1.1t64
libidzebra-2.0-0t64 libieee1284-3t64 libigloo0t64 libigraph3t64 libimageclasses1t64 libimath-3-1-29t64 libimlib2t64
libinfgtk-0.7-0t64 libinfinity-0.7-0t64 libini-config5t64 libint2-2t64 libinventor1t64 libipa-hbac0t64 libipset13t64
libirccore3t64 libircmodel3t64 libircutil3t64 libirrlicht1.8t64 libirstlm1t64 libisns0t64 libisoburn1t64 libisofs6t64
libisospec++2t64 libite5t64 libiv-unidraw2t64 libiv2t64 libivykis0t64 libiw30t64 libjaula1t64 libjdns2t64
libjpgalleg4.4t64 libjsonrpccpp-client0t64 libjsonrpccpp-common0t64 libjsonrpccpp-server0t64 libjsonrpccpp-stub0t64
libjuff0.10t64 libjuman4t64 libjxr0t64 libk3b8t64 libkadm5clnt7t64-heimdal libkadm5srv8t64-heimdal libkafs0t64-heimdal
libkdb5-10t64 libkdc2t64-heimdal libkmlbase1t64 libkmlconvenience1t64 libkmldom1t64 libkmlengine1t64
libkmlregionator1t64 libkmlxsd1t64 libknet1t64 libkopenafs2t64 libkrb5-26t64-heimdal liblam4t64 liblammps0t64
liblasi0t64 liblasso3t64 liblavfile-2.1-0t64 liblavjpeg-2.1-0t64 liblavplay-2.1-0t64 liblcmaps-without-gsi0t64
liblcmaps0t64 libldm-1.0-0t64 libldm-common0t64 libldm-priv-common0t64 libldns3t64 libleatherman1.12.1t64
liblfunction1t64 libliggghts3t64 liblinbox-1.7.0-0t64 liblink-grammar5t64 liblip2t64 liblirc-client0t64 liblirc0t64
liblitehtml0t64 liblnk1t64 libloadpng4.4t64 libloc1t64 liblog4c3t64 liblog4cplus-2.0.5t64 liblogg4.4t64
libloki0.1.7t64 liblomiri-download-manager-client0t64 liblomiri-download-manager-common0t64
liblomiri-upload-manager-common0t64 liblomirigestures5t64 liblomirimetrics5t64 liblomiritoolkit5t64
liblorene-debian1t64 liblorene-export-debian0t64 liblorenef77-debian1t64 liblouisutdml9t64 liblouisxml1t64
liblrcalc1t64 liblrm2t64 liblttng-ctl0t64 liblttng-ust-common1t64 liblttng-ust-ctl5t64 liblttng-ust-python-agent1t64
liblttng-ust1t64 libluksde1t64 liblv2dynparamhost1-1t64 liblv2dynparamplugin1-0t64 liblwip0t64 liblwipv6-2t64
liblxc1t64 libm4api0.3t64 libmagic1t64 libmailutils9t64 libmapcache1t64 libmapserver2t64 libmariadbd19t64
libmartchus-c++utilities5t64 libmartchus-qtforkawesome1t64 libmate-desktop-2-17t64 libmate-slab0t64
libmate-window-settings1t64 libmateweather1t64 libmathicgb0t64 libmawk1t64 libmdb3t64 libmdbsql3t64 libmdc3t64
libmdnsd1t64 libmedc11t64 libmediascan0t64 libmemcached11t64 libmemcachedutil2t64 libmems1t64 libmfsio1t64
libmgba0.10t64 libmgl-fltk8t64 libmgl-glut8t64 libmgl-mpi8t64 libmgl-qt5-8t64 libmgl-wnd8t64 libmgl-wx8t64 libmgl8t64
libmialm3t64 libmicrohttpd12t64 libminc2-5.3.0t64 libminidjvu0t64 libminini1t64 libminizip1t64 libmircore2t64
libmission-control-plugins0t64 libmjpegutils-2.1-0t64 libmobi0t64 libmodest0t64 libmodsecurity3t64 libmongoc-1.0-0t64
libmpdclient2t64 libmpeg2encpp-2.1-0t64 libmpeg3-2t64 libmpg123-0t64 libmplex2-2.1-0t64 libmps-fortran0t64 libmps3t64
libmrss0t64 libmrtd0t64 libmsiecf1t64 libmspack0t64 libmstoolkit82t64 libmtdev1t64 libmtp9t64 libmu-dbm9t64
libmuffin0t64 libmulticobex1t64 libmyproxy6t64 libnatpmp1t64 libncap44t64 libncarg0t64 libncbi6t64 libncrystal1t64
libndpi4.2t64 libne10-10t64 libneon27t64 libneon27t64-gnutls libnetpbm11t64 libnetsnmptrapd40t64 libnettle8t64
libnexstar0t64 libnextcloudsync0t64 libnglib-6.2t64 libnids1.21t64 libniftiio2t64 libnorm1t64 libnotmuch5t64
libnova-0.16-0t64 libnozzle1t64 libnpth0t64 libnsync-cpp1t64 libnsync1t64 libntfs-3g89t64 libnutclient2t64 libnvme1t64
libnx-x11-6t64 libnxml0t64 liboath0t64 libobexftp0t64 libobs0t64 liboctomap1.9t64 liboctovis1.9t64 libode8t64
libodil0t64 libofx7t64 libogre1.12.10t64 liboidc-agent4t64 libola1t64 libolecf1t64 libonnx1t64 liboop4t64
libopen-trace-format2-10t64 libopencolorio2.1t64 libopendbx1t64 libopendmarc2t64 libopengv1t64 libopenipmi0t64
libopenmpt0t64 libopenni0t64 libopenraw7t64 libopenrawgnome7t64 libopensmtpd0t64 libopentracing-c-wrapper0t64
libopenvdb10.0t64 libopenzwave1.6t64 liborc-0.4-0t64 libosip2-15t64 libosptk4t64 libotp0t64-heimdal libotr5t64
libout123-0t64 libow-3.2-4t64 libowcapi-3.2-4t64 libowfat0t64 libowncloudsync0t64 libownet-3.2-4t64 libp11-3t64
libpacketdump3t64 libpangomm-2.48-1t64 libpano13-3t64 libpappl1t64 libpaps0t64 libparpack2t64 libparted-fs-resize0t64
libparted2t64 libpath-utils1t64 libpcap0.8t64 libpeony3t64 libpff1t64 libpgm-5.3-0t64 libpgm2asc0.52t64
libphonon4qt5-4t64 libphonon4qt5experimental4t64 libpiano0t64 libpigpiod-if1t64 libpigpiod-if2-1t64 libpils2t64
libpipewire-0.3-0t64 libpistache0t64 libpkcs11-helper1t64 libplanarity0t64 libplib1t64 libplumb2t64 libplumbgpl2t64
libpmi0t64 libpmi2-0t64 libpng16-16t64 libpocl2t64 libpodofo0.9.8t64 libpolylib64-8t64 libpoppler-glib8t64
libpoppler-qt5-1t64 libpoppler-qt6-3t64 libportsmf0t64 libprotobuf-lite32t64 libprotobuf32t64 libprotoc32t64
libpskc0t64 libpsl5t64 libpsocksxx0t64 libpst4t64 libptl2t64 libpurple0t64 libpwizlite3t64 libpyside2-py3-5.15t64
libqcoro5core0t64 libqcoro5dbus0t64 libqcoro5network0t64 libqcoro5qml0t64 libqcoro5quick0t64 libqcoro5websockets0t64
libqcoro6core0t64 libqcoro6dbus0t64 libqcoro6network0t64 libqcoro6qml0t64 libqcoro6quick0t64 libqcoro6websockets0t64
libqcow1t64 libqdbm14t64 libqglviewer2-qt5t64 libqgpgme15t64 libqjdns-qt5-2t64 libqm-dsp0t64 libqpx0t64
libqsopt-ex2t64 libqt5concurrent5t64 libqt5dbus5t64 libqt5gui5t64 libqt5network5t64 libqt5opengl5t64
libqt5printsupport5t64 libqt5publishsubscribe5t64 libqt5serviceframework5t64 libqt5sql5t64 libqt5systeminfo5t64
libqt5test5t64 libqt5widgets5t64 libqt5xml5t64 libqt6core6t64 libquazip1-qt5-1t64 libquazip1-qt6-1t64 libquazip5-1t64
libquickfix17t64 libradsec0t64 librasqal3t64 librc1t64 librcsb-core-wrapper0t64 librdata0t64 librdf0t64 librdmacm1t64
libreadline8t64 libreadstat1t64 libref-array1t64 libregf1t64 libregfi1t64 libremctl1t64 librhonabwy1.1t64 librime1t64
libroaring0t64 libroken19t64-heimdal librostlab3t64 librrd8t64 librsb0t64 librsplib3t64 librsync2t64 librtr0t64
librttr-core0.9.6t64 libruli4t64 librxp0t64 libsaclib0t64 libsafec3t64 libsbjson2.3t64 libsbml5t64 libscamperfile0t64
libscca1t64 libsciplot1t64 libscitokens0t64 libscsynth1t64 libsde1t64 libseafile0t64 libsearpc1t64 libsecsipid1t64
libseteec0t64 libshiboken2-py3-5.15t64 libsigrok4t64 libsigrokcxx4t64 libsigscan1t64 libsiloh5-0t64 libsimpleini1t64
libskypat3t64 libsl0t64-heimdal libslow5-0t64 libslvs1t64 libsmdev1t64 libsmf0t64 libsmpeg0t64 libsmpp34-1t64
libsmraw1t64 libsnmp40t64 libsofia-sip-ua-glib3t64 libsofia-sip-ua0t64 libsopt3.0t64 libsoqt520t64 libspandsp2t64
libspatialaudio0t64 libspf2-2t64 libsphinxbase3t64 libsquid1t64 libsrecord0t64 libssh2-1t64 libssl3t64 libst1t64
libstaden-read14t64 libstatgrab10t64 libstb0t64 libstoken1t64 libstonith1t64 libstopt5t64 libstorj0t64 libswami1t64
libswamigui1t64 libsword1.9.0t64 libsylph1t64 libsyn123-0t64 libt4k-common0t64 libtabixpp0t64 libtaktuk3t64
libtaningia0t64 libtarget-factory2t64 libtcmalloc-minimal4t64 libtcod1t64 libtecla1t64 libtelepathy-glib0t64
libterralib3t64 libtevent0t64 libthrift-c-glib0t64 libtickit3t64 libtinyframe0t64 libtirpc3t64 libtkrzw1t64
libtokyocabinet9t64 libtomlplusplus3t64 libtoontag0t64 libtopcom0t64 libtorrent-rasterbar2.0t64 libtorrent21t64
libtpm-unseal1t64 libtrace3t64 libts0t64 libtsk19t64 libtss2-esys-3.0.2-0t64 libtss2-fapi1t64 libtss2-rc0t64
libtss2-sys1t64 libtss2-tcti-cmd0t64 libtss2-tcti-device0t64 libtss2-tcti-mssim0t64 libtss2-tcti-pcap0t64
libtss2-tcti-swtpm0t64 libtss2-tctildr0t64 libttfautohint1t64 libtumbler-1-0t64 libtwin0t64 libucommon8t64 libudf0t64
libudns0t64 libuev3t64 libufpidentity1t64 libukwm-1-0t64 libulfius2.7t64 libuniconf4.6t64 libunicorn2t64
libuno-cppu3t64 libuno-cppuhelpergcc3-3t64 libuno-purpenvhelpergcc3-3t64 libuno-sal3t64 libuno-salhelpergcc3-3t64
libunuran16t64 libupb0t64 libupsclient6t64 liburcu8t64 libusb3380-0t64 libusbredirhost1t64 libusbredirparser1t64
libuv1t64 libv4l-0t64 libv4l2rds0t64 libv4lconvert0t64 libvanessa-socket2t64 libvbz-hdf-plugin0t64 libvdeplug2t64
libventrilo3-0t64 libverto-glib1t64 libverto-libev1t64 libverto1t64 libvips42t64 libvirtualpg0t64 libvlfeat1t64
libvmime1t64 libvshadow1t64 libvslvm1t64 libvte9t64 libvtkdicom0.8t64 libvtkgdcm-9.1t64 libwaei2t64 libwandio1t64
libwcstools1t64 libwf-utils0t64 libwim15t64 libwind0t64-heimdal libwreport3t64 libwv-1.2-4t64 libwvstreams4.6t64-base
libwvstreams4.6t64-extras libwxbase3.2-1t64 libwxgtk-gl3.2-1t64 libwxgtk-media3.2-1t64 libwxgtk-webview3.2-1t64
libwxgtk3.2-1t64 libwxsmithlib0t64 libwxsqlite3-3.2-0t64 libwxsvg3t64 libxalan-c112t64 libxaw3dxft6t64 libxcomp3t64
libxcompshad3t64 libxdelta2t64 libxdmf3t64 libxeddsa2t64 libxerces-c3.2t64 libxgks2t64 libxmhtml1.1t64 libxmlbird1t64
libxmlrpc-core-c3t64 libxmlrpc-epi0t64 libxmlsec1t64 libxmlsec1t64-gcrypt libxmlsec1t64-gnutls libxmlsec1t64-nss
libxmlsec1t64-openssl libxnee0t64 libxplc0.3.13t64 libxrdapputils2t64 libxrdcl3t64 libxrdcrypto2t64
libxrdcryptolite2t64 libxrdffs3t64 libxrdhttputils2t64 libxrdposix3t64 libxrdserver3t64 libxrdssilib2t64
libxrdssishmap2t64 libxrdutils3t64 libxrdxml3t64 libxt6t64 libxtrxll0t64 libxwiimote2t64 libyangrpc2t64 libyder2.0t64
libyuma2t64 libzbar0t64 libzbargtk0t64 libzbarqt0t64 libzbd2t64 libzeroc-ice3.7t64 libzeroc-icestorm3.7t64 libzfp1t64
libzita-alsa-pcmi0t64 libzlcore0.13t64 libzltext0.13t64 libzscanner4t64 libzthread-2.3-2t64 libzvbi0t64
libzzip-0-13t64 osmo-libasn1c1t64
"""

#: The name in Debian 13 by the name before. The library in it has the same file name.
TIME64_PACKAGES = {name.replace("t64", "", 1): name for name in _RENAMED.split()}
