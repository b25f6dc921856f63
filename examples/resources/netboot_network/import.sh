terraform import netboot_network.lab lab
